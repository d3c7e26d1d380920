//! Crates that need tokio itself, beside tasks of this crate, on one thread.
//!
//! `cargo run --release -p roundelay-ecosystem-examples --bin guest_of_tokio -- --listen 127.0.0.1:8000`, and then
//!
//! ```console
//! $ curl http://127.0.0.1:8000/          # hello, number 7
//! $ curl http://127.0.0.1:8000/slow      # 408 after a fifth of a second, by tower-http
//! $ curl http://127.0.0.1:8000/health    # what reqwest last got from /
//! $ python3 -m websockets ws://127.0.0.1:8000/room
//! ```
//!
//! `axum::serve` spawns a tokio task for each connection, `TimeoutLayer` is a tokio timer, and `reqwest` is a client with tokio's
//! sockets. The state is an `Rc`, and the room is a channel of this crate. A task of this crate checks the server at an interval.
//! The end of standard input (Ctrl-D) stops the program.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, get};
use roundelay::compat::Here;
use roundelay::sync::broadcast;
use roundelay::{interval, select, sleep, spawn};
use shared::{Outcome, end_of_input, options};
use tower_http::timeout::TimeoutLayer;

const PATIENCE: Duration = Duration::from_millis(200);

struct App {
    greetings: Cell<u64>,
    health: RefCell<String>,
    room: broadcast::Sender<Utf8Bytes>,
}

type Shared = State<Here<Rc<App>>>;

fn main() -> Outcome {
    let [listen] = options(["listen"])?;
    let listen = listen.unwrap_or_else(|| "127.0.0.1:8000".into());
    roundelay::compat::tokio::run(async {
        let listener = tokio::net::TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        println!("listening on {address}");
        let app = Rc::new(App {
            greetings: Cell::new(0),
            health: RefCell::default(),
            room: broadcast::channel(100).0,
        });
        let _watcher = spawn(watch(address, Rc::clone(&app))).abort_on_drop();
        let router = Router::new()
            .route("/", get(greet))
            .route("/slow", get(slow))
            .route("/health", get(health))
            .route("/room", any(enter_room))
            .layer(TimeoutLayer::with_status_code(
                StatusCode::REQUEST_TIMEOUT,
                PATIENCE,
            ))
            .with_state(Here::new(Rc::clone(&app)));
        axum::serve(listener, router)
            .with_graceful_shutdown(Here::new(end_of_input()))
            .await?;
        println!("greetings: {}", app.greetings.get());
        Ok(())
    })
}

/// Runs as a task of this crate, with a client on tokio's sockets.
async fn watch(address: SocketAddr, app: Rc<App>) -> reqwest::Result<()> {
    // The server is on this machine, so no proxy is used.
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut ticks = interval(Duration::from_millis(50));
    loop {
        ticks.tick().await;
        let answer = client.get(format!("http://{address}/")).send().await;
        let health = match answer {
            Ok(response) => format!("{}: {}", response.status(), response.text().await?),
            Err(error) => error.to_string(),
        };
        app.health.replace(health);
    }
}

async fn greet(State(app): Shared) -> String {
    app.greetings.set(app.greetings.get() + 1);
    format!("hello, number {}", app.greetings.get())
}

/// This crate's sleep in a tokio task. A tokio timer cuts it short.
fn slow() -> Here<impl Future<Output = ()>> {
    Here::new(sleep(Duration::from_secs(3_600)))
}

async fn health(State(app): Shared) -> String {
    app.health.borrow().clone()
}

async fn enter_room(State(app): Shared, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|socket| {
        Here::new(async move {
            if let Err(error) = visit(socket, &app.room).await {
                eprintln!("a visit ended: {error}");
            }
        })
    })
}

async fn visit(
    mut socket: WebSocket,
    room: &broadcast::Sender<Utf8Bytes>,
) -> Result<(), axum::Error> {
    let mut ears = room.subscribe();
    loop {
        select! {
            message = socket.recv() => match message.transpose()? {
                Some(Message::Text(text)) => drop(room.send(text)),
                Some(_) => {}
                None => return Ok(()),
            },
            heard = ears.recv() => match heard {
                Ok(text) => socket.send(Message::Text(text)).await?,
                // A client that does not read its messages is dropped.
                Err(_) => return Ok(()),
            },
        }
    }
}
