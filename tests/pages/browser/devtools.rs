//! A headless Chromium, driven by the part of its DevTools protocol that these tests need.

use std::io::{BufRead, BufReader, ErrorKind};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// A tab. It has a browser of its own, which ends with the tab.
pub struct Tab {
    socket: WebSocket<TcpStream>,
    session: String,
    last: u64,
    /// The errors and warnings on the console, and exceptions that no code caught.
    pub complaints: Vec<String>,
    process: Child,
    _profile: TempDir,
}

/// The two colour schemes of a page.
#[derive(Clone, Copy, Debug)]
pub enum Scheme {
    Light,
    Dark,
}

impl Tab {
    pub fn new() -> Self {
        let profile = TempDir::new().expect("a folder for the browser's profile");
        let mut process = start(profile.path());
        let url = devtools_url(&mut process);
        let address = url
            .strip_prefix("ws://")
            .and_then(|url| url.split('/').next());
        let stream = TcpStream::connect(address.expect("an address")).expect("the browser listens");
        let limit = Some(Duration::from_secs(60));
        stream.set_read_timeout(limit).expect("a limit");
        let (socket, _) = tungstenite::client(&*url, stream).expect("the browser speaks WebSocket");
        let mut tab = Self {
            socket,
            session: String::new(),
            last: 0,
            complaints: Vec::new(),
            process,
            _profile: profile,
        };
        tab.attach();
        tab
    }

    fn attach(&mut self) {
        let target = self.call("Target.createTarget", json!({"url": "about:blank"}));
        let options = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.call("Target.attachToTarget", options);
        self.session = attached["sessionId"]
            .as_str()
            .expect("a session")
            .to_owned();
        for domain in ["Page", "Runtime", "Log"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
    }

    /// One call of the protocol, and its answer.
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let text = Message::text(message.to_string());
        self.socket.send(text).expect("the browser is there");
        loop {
            let answer = self.read();
            if answer["id"] == json!(self.last) {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }

    fn read(&mut self) -> Value {
        let message = self
            .socket
            .read()
            .expect("the browser answers within a minute");
        let message: Value = match message {
            Message::Text(text) => serde_json::from_str(&text).expect("the browser speaks JSON"),
            _ => Value::Null,
        };
        let parameters = &message["params"];
        match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => {
                self.complaints
                    .push(parameters["exceptionDetails"].to_string());
            }
            Some("Runtime.consoleAPICalled") if parameters["type"] != "log" => {
                self.complaints.push(parameters["args"].to_string());
            }
            Some("Log.entryAdded") => self.complaints.push(parameters["entry"].to_string()),
            _ => {}
        }
        message
    }

    /// Sets the size in CSS pixels, the number of real pixels for each, and the scheme.
    pub fn look_like(&mut self, width: u32, height: u32, ratio: f64, scheme: Scheme) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": ratio, "mobile": width < 500});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let features = json!([{"name": "prefers-color-scheme", "value": value}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    pub fn open(&mut self, page: &Path) {
        let url = format!("file://{}", page.display());
        self.call("Page.navigate", json!({"url": url}));
        while self.read()["method"] != "Page.loadEventFired" {}
        self.settle();
    }

    /// The value of an expression. If it is a promise, this waits for it.
    pub fn ask(&mut self, expression: &str) -> Value {
        let options =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", options);
        let exception = &answer["exceptionDetails"];
        assert!(exception.is_null(), "{expression}: {exception}");
        answer["result"]["value"].clone()
    }

    pub fn number(&mut self, expression: &str) -> f64 {
        let value = self.ask(expression);
        value
            .as_f64()
            .unwrap_or_else(|| panic!("{expression} is {value}"))
    }

    pub fn text(&mut self, expression: &str) -> String {
        let value = self.ask(expression);
        let text = value.as_str();
        text.unwrap_or_else(|| panic!("{expression} is {value}"))
            .to_owned()
    }

    /// Waits until the page is drawn and does not move.
    pub fn settle(&mut self) {
        self.ask(
            "new Promise((done) => {
                const look = () => recording.asked || recording.view.gliding ? requestAnimationFrame(look) : done(true);
                requestAnimationFrame(() => requestAnimationFrame(look));
            })",
        );
    }

    pub fn mouse(&mut self, kind: &str, x: f64, y: f64) {
        let is_move = kind == "mouseMoved";
        let button = if is_move { "none" } else { "left" };
        let options = json!({"type": kind, "x": x, "y": y, "button": button, "clickCount": u8::from(!is_move)});
        self.call("Input.dispatchMouseEvent", options);
    }

    pub fn click(&mut self, x: f64, y: f64) {
        self.mouse("mouseMoved", x, y);
        self.mouse("mousePressed", x, y);
        self.mouse("mouseReleased", x, y);
        self.settle();
    }

    pub fn drag(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.mouse("mousePressed", from.0, from.1);
        for step in 1..=4 {
            let part = f64::from(step) / 4.0;
            let (x, y) = (
                from.0 + part * (to.0 - from.0),
                from.1 + part * (to.1 - from.1),
            );
            let options =
                json!({"type": "mouseMoved", "x": x, "y": y, "button": "left", "buttons": 1});
            self.call("Input.dispatchMouseEvent", options);
        }
        self.mouse("mouseReleased", to.0, to.1);
        self.settle();
    }

    pub fn wheel(&mut self, (x, y): (f64, f64), across: f64, down: f64, with_control: bool) {
        let modifiers = if with_control { 2 } else { 0 };
        let options = json!({
            "type": "mouseWheel", "x": x, "y": y, "deltaX": across, "deltaY": down, "modifiers": modifiers,
        });
        self.call("Input.dispatchMouseEvent", options);
        self.settle();
    }

    pub fn key(&mut self, key: &str) {
        let text = if key.chars().count() == 1 { key } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            self.call(
                "Input.dispatchKeyEvent",
                json!({"type": kind, "key": key, "text": text}),
            );
        }
        self.settle();
    }

    pub fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
        self.settle();
    }

    /// A screenshot of the window, as PNG, in base64.
    pub fn picture(&mut self) -> String {
        let picture = self.call("Page.captureScreenshot", json!({"format": "png"}));
        picture["data"].as_str().expect("a picture").to_owned()
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        // The browser may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn start(profile: &Path) -> Child {
    for name in NAMES {
        let started = Command::new(name)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--no-first-run",
            ])
            .args(["--remote-debugging-port=0", "about:blank"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        match started {
            Ok(process) => return process,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => panic!("{name} cannot be started: {error}"),
        }
    }
    panic!("none of {NAMES:?} is installed; on Debian: apt-get install chromium")
}

/// The browser writes on standard error where it listens.
fn devtools_url(process: &mut Child) -> String {
    let mut lines = BufReader::new(process.stderr.take().expect("standard error")).lines();
    let mut said = String::new();
    for line in lines.by_ref().map_while(Result::ok) {
        if let Some(url) = line.strip_prefix("DevTools listening on ") {
            let url = url.to_owned();
            // Read on, because a browser stops if its pipe is full.
            std::thread::spawn(move || lines.for_each(drop));
            return url;
        }
        said += &line;
        said.push('\n');
    }
    panic!("the browser ended before it listened:\n{said}")
}
