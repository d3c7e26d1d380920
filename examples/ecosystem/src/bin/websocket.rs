//! WebSockets: a page for a browser, and a room on the same port that the page talks to.
//!
//! `cargo run --release -p roundelay-ecosystem-examples --bin websocket -- --listen 127.0.0.1:8000`, and then a browser at
//! <http://127.0.0.1:8000/>, or `python3 -m websockets ws://127.0.0.1:8000/room`. Each client gets every message.
//!
//! hyper shakes hands and gives the connection away, and tungstenite speaks the protocol on it. A task group ends the visits
//! when the server ends. The end of its standard input (Ctrl-D) stops the server.

use std::rc::Rc;

use futures_util::{SinkExt, StreamExt};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use roundelay::compat::hyper::serve_http;
use roundelay::net::TcpListener;
use roundelay::sync::{CancelToken, broadcast};
use roundelay::{TaskGroup, race};
use shared::{Outcome, end_of_input, options};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

const PAGE: &str = include_str!("websocket.html");

struct Room {
    messages: broadcast::Sender<Utf8Bytes>,
    stopping: CancelToken,
}

type Visits = TaskGroup<std::convert::Infallible>;

fn main() -> Outcome {
    let [listen] = options(["listen"])?;
    let listen = listen.unwrap_or_else(|| "127.0.0.1:8000".into());
    roundelay::run(async {
        let listener = TcpListener::bind(listen.as_str()).await?;
        println!("listening on {}", listener.local_addr()?);
        let room = Rc::new(Room {
            messages: broadcast::channel(100).0,
            stopping: CancelToken::new(),
        });
        // The server no longer owns a connection that it gave away, so the group waits for the end of it.
        let served = TaskGroup::scope(async |visits: Visits| {
            let stopping = room.stopping.clone();
            let service = service_fn(move |request| {
                let response = answer(request, &visits, &room);
                async { Ok::<_, hyper::http::Error>(response) }
            });
            let served = serve_http(listener, service).shutdown(async move {
                end_of_input().await;
                stopping.cancel();
            });
            Ok(served.await)
        });
        println!("{}", served.await.expect("no visit fails")?);
        Ok(())
    })
}

fn answer(mut request: Request<Incoming>, visits: &Visits, room: &Rc<Room>) -> Response<String> {
    if request.uri().path() == "/" {
        return Response::new(PAGE.into());
    }
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        let mut response = Response::new(String::from("a WebSocket, or the page at /\n"));
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        return response;
    };
    let accept = derive_accept_key(key.as_bytes());
    let room = Rc::clone(room);
    visits.spawn(async move {
        match hyper::upgrade::on(&mut request).await {
            Ok(upgraded) => {
                let io = TokioIo::new(upgraded);
                let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
                if let Err(error) = visit(socket, &room).await {
                    eprintln!("a visit ended: {error}");
                }
            }
            Err(error) => eprintln!("not upgraded: {error}"),
        }
        Ok(())
    });
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accept = accept.parse().expect("Base64 is good for a header");
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

async fn visit<S>(socket: WebSocketStream<S>, room: &Room) -> Result<(), Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (mut sink, mut stream) = socket.split();
    let mut ears = room.messages.subscribe();
    let speak = async {
        while let Some(message) = stream.next().await {
            if let Message::Text(text) = message? {
                let _heard = room.messages.send(text);
            }
        }
        Ok(())
    };
    let hear = async {
        while let Ok(text) = ears.recv().await {
            sink.send(Message::Text(text)).await?;
        }
        // Lagged: a client that does not read its messages is dropped.
        Ok(())
    };
    let left = room
        .stopping
        .run_until_cancelled(async { race!(speak, hear) })
        .await;
    match left {
        Some(Err(Error::ConnectionClosed)) | None => sink.close().await,
        Some(result) => result,
    }
}
