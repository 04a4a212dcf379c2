//! Headless Chromium, driven by its `DevTools` protocol over a pair of pipes: no driver, no
//! WebSocket, no port that another process could have.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

/// No answer of a browser takes this long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser with one page.
pub(crate) struct Chromium {
    child: Child,
    commands: File,
    messages: Receiver<Value>,
    session: Option<String>,
    next: u64,
    /// What the page complained of: refused by its policy, not found, failed.
    pub(crate) complaints: Vec<String>,
    _folder: tempfile::TempDir,
}

impl Chromium {
    pub(crate) fn start() -> Self {
        let there = Command::new("chromium").arg("--version").stdout(Stdio::null()).status();
        assert!(there.is_ok_and(|there| there.success()), "chromium is missing: see TEST_PACKAGES");
        let folder = tempfile::tempdir().unwrap();
        let (commands, answers) = (folder.path().join("commands"), folder.path().join("answers"));
        for pipe in [&commands, &answers] {
            assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        }
        // The protocol wants its pipes as descriptors 3 and 4, which only a shell can give safely.
        let script = "exec chromium \"$@\" 3<>\"$COMMANDS\" 4<>\"$ANSWERS\"";
        let child = Command::new("sh")
            .args(["-c", script, "chromium"])
            .args(["--headless=new", "--remote-debugging-pipe", "--disable-gpu"])
            .args(["--disable-dev-shm-usage", "--no-first-run", "--disable-extensions"])
            .args(["--disable-background-networking", "--disable-component-update"])
            .args(["--force-color-profile=srgb", "--hide-scrollbars"])
            // Root, as in a container, has no sandbox. The page is our own.
            .arg("--no-sandbox")
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .env("COMMANDS", &commands)
            .env("ANSWERS", &answers)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let open = |path: &Path| OpenOptions::new().read(true).write(true).open(path).unwrap();
        let (send, messages) = channel();
        let answers = BufReader::new(open(&answers));
        std::thread::spawn(move || {
            for message in answers.split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else { break };
                if send.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            child,
            commands: open(&commands),
            messages,
            session: None,
            next: 0,
            complaints: Vec::new(),
            _folder: folder,
        };
        let target = browser.ask("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.ask("Target.attachToTarget", &attach);
        browser.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page.enable", "Log.enable", "Runtime.enable"] {
            browser.ask(domain, &json!({}));
        }
        // The pages have none, and are whole without.
        browser.ask("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
        browser
    }

    /// One command, and its answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        let id = self.send(method, parameters);
        let mut answer = self.until(method, |message| message["id"] == id);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    fn send(&mut self, method: &str, parameters: &Value) -> u64 {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.commands.write_all(&bytes).unwrap();
        self.next
    }

    #[track_caller]
    fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message =
                self.messages.recv_timeout(left).unwrap_or_else(|why| panic!("{what}: {why}"));
            if message["method"] == "Log.entryAdded" {
                self.complaints.push(message["params"]["entry"].to_string());
            }
            if wanted(&message) {
                return message;
            }
        }
    }

    /// How large the screen is, and whether its owner likes it dark.
    pub(crate) fn screen(&mut self, width: u32, height: u32, theme: &str) {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.ask("Emulation.setDeviceMetricsOverride", &metrics);
        let feature = json!({"name": "prefers-color-scheme", "value": theme});
        self.ask("Emulation.setEmulatedMedia", &json!({"features": [feature]}));
    }

    /// Opens a page, and waits until all of it is there.
    #[track_caller]
    pub(crate) fn open(&mut self, url: &str) {
        self.send("Page.navigate", &json!({"url": url}));
        self.until(url, |message| message["method"] == "Page.loadEventFired");
    }

    /// Does what leads to another page, and waits until all of that is there.
    #[track_caller]
    pub(crate) fn follow(&mut self, key: &str) {
        self.press(key);
        self.until(key, |message| message["method"] == "Page.loadEventFired");
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true});
        let mut answer = self.ask("Runtime.evaluate", &parameters);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: &str) {
        let code = if key == "Enter" { 13 } else { 9 };
        let mut press =
            json!({"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code});
        if key == "Enter" {
            press["text"] = json!("\r");
        }
        self.ask("Input.dispatchKeyEvent", &press);
        let release =
            json!({"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code});
        self.ask("Input.dispatchKeyEvent", &release);
    }

    /// A picture of the whole page.
    pub(crate) fn picture(&mut self, path: &Path) {
        let parameters = json!({"format": "png", "captureBeyondViewport": true});
        let answer = self.ask("Page.captureScreenshot", &parameters);
        let engine = base64::engine::general_purpose::STANDARD;
        let bytes = engine.decode(answer["data"].as_str().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The browser ends the processes that it began; what hangs is killed.
        self.session = None;
        self.send("Browser.close", &json!({}));
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
