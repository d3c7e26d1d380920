//! Notes as JSON: a router of axum with SQLite behind it. In Python, FastAPI is used for this.
//!
//! `cargo run --release -p roundelay-ecosystem-examples --bin axum_app -- --listen 127.0.0.1:8000 --file notes.db`, and then
//!
//! ```console
//! $ curl --json '{"text": "buy milk"}' http://127.0.0.1:8000/notes      # {"id":1,"text":"buy milk"}
//! $ curl http://127.0.0.1:8000/notes
//! $ curl -X DELETE http://127.0.0.1:8000/notes/1
//! ```
//!
//! axum wants state and handlers that are `Send`. On this loop they are not: the state is an `Rc`, and the handlers wait for a
//! database that belongs to one loop. So both are in a [`Here`]. `axum::serve` needs a runtime of tokio (`guest_of_tokio` has
//! one) and is not used. A router is a service like any other, and `serve_http` runs it.

use std::rc::Rc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use hyper_util::service::TowerToHyperService;
use roundelay::compat::Here;
use roundelay::compat::hyper::serve_http;
use roundelay::net::TcpListener;
use serde::{Deserialize, Serialize};
use shared::database::Database;
use shared::{Outcome, end_of_input, options};

type App = Here<Rc<Database>>;

#[derive(Deserialize)]
struct Draft {
    text: String,
}

#[derive(Serialize)]
struct Note {
    id: i64,
    text: String,
}

fn main() -> Outcome {
    let [listen, file] = options(["listen", "file"])?;
    let listen = listen.unwrap_or_else(|| "127.0.0.1:8000".into());
    roundelay::run(async {
        let database = Rc::new(Database::open(file.as_deref().unwrap_or(":memory:")).await?);
        database
            .call(|connection| {
                connection.execute_batch(
                    "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)",
                )
            })
            .await?;
        let router = Router::new()
            .route("/notes", get(list).post(add))
            .route("/notes/{id}", delete(remove))
            .with_state(Here::new(Rc::clone(&database)));
        let listener = TcpListener::bind(listen.as_str()).await?;
        println!("listening on {}", listener.local_addr()?);
        let served = serve_http(listener, TowerToHyperService::new(router))
            .shutdown(end_of_input())
            .await?;
        println!("{served}");
        let database = Rc::into_inner(database).expect("the router is gone");
        database.close().await;
        Ok(())
    })
}

fn list(State(app): State<App>) -> Here<impl Future<Output = Response>> {
    Here::new(async move {
        let notes = app.call(|connection| {
            let mut select = connection.prepare_cached("SELECT id, text FROM notes ORDER BY id")?;
            let notes = select.query_map([], |row| {
                Ok(Note {
                    id: row.get(0)?,
                    text: row.get(1)?,
                })
            })?;
            notes.collect::<Result<Vec<_>, _>>()
        });
        respond(notes.await.map(Json))
    })
}

fn add(State(app): State<App>, Json(draft): Json<Draft>) -> Here<impl Future<Output = Response>> {
    Here::new(async move {
        let note = app.call(|connection| {
            connection.execute("INSERT INTO notes (text) VALUES (?)", [&draft.text])?;
            Ok(Note {
                id: connection.last_insert_rowid(),
                text: draft.text,
            })
        });
        respond(note.await.map(|note| (StatusCode::CREATED, Json(note))))
    })
}

fn remove(State(app): State<App>, Path(id): Path<i64>) -> Here<impl Future<Output = Response>> {
    Here::new(async move {
        let removed =
            app.call(move |connection| connection.execute("DELETE FROM notes WHERE id = ?", [id]));
        respond(removed.await.map(|removed| match removed {
            0 => StatusCode::NOT_FOUND,
            _ => StatusCode::NO_CONTENT,
        }))
    })
}

fn respond(result: Outcome<impl IntoResponse>) -> Response {
    match result {
        Ok(response) => response.into_response(),
        Err(error) => {
            eprintln!("{error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
