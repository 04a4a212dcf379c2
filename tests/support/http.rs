//! The HTTP client of the tests: one request a connection, over whatever stream a test opens.
//!
//! A test of a client that misbehaves (half a head, an answer that is not read, a connection that
//! is left) writes its bytes itself: this client cannot misbehave.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// No answer takes this long, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A request that ends its connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn get(target: &'a str) -> Self {
        Self { method: "GET", target, headers: &[], body: b"" }
    }

    pub(crate) fn post(target: &'a str, body: &'a [u8]) -> Self {
        let headers = &[("content-type", "application/json")];
        Self { method: "POST", target, headers, body }
    }

    /// What goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { method, target, headers, body } = self;
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
        for (name, value) in *headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "content-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    /// Asks, and waits for the whole answer.
    pub(crate) fn send(&self, mut stream: impl Read + Write) -> io::Result<Answer> {
        // A body that is refused may not be taken to its end: the answer says so.
        let written = stream.write_all(&self.bytes());
        let mut raw = Vec::new();
        let read = stream.read_to_end(&mut raw);
        self.whole(&raw).ok_or_else(|| cut_short(written.and(read.map(drop))))
    }

    pub(crate) fn send_to(&self, address: impl ToSocketAddrs) -> io::Result<Answer> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        self.send(stream)
    }

    /// Over a socket in the file system: the admin socket is in the folder of the store.
    pub(crate) fn send_to_socket(&self, path: &Path) -> io::Result<Answer> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        self.send(stream)
    }

    /// As [`Self::send`], where the server runs on the thread that asks.
    pub(crate) async fn send_async(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
    ) -> io::Result<Answer> {
        let written = stream.write_all(&self.bytes()).await;
        let mut raw = Vec::new();
        let read = stream.read_to_end(&mut raw).await;
        self.whole(&raw).ok_or_else(|| cut_short(written.and(read.map(drop))))
    }

    /// The answer that these bytes are; `None` where it was cut short.
    fn whole(&self, raw: &[u8]) -> Option<Answer> {
        let end = raw.windows(4).position(|four| four == b"\r\n\r\n")?;
        let (head, rest) = (std::str::from_utf8(raw.get(..end)?).ok()?, raw.get(end + 4..)?);
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        };
        let headers = lines.map(header).collect::<Option<Vec<_>>>()?;
        let mut answer = Answer { status, headers, body: rest.to_vec() };
        if self.method != "HEAD" {
            if answer.header("transfer-encoding") == Some("chunked") {
                answer.body = unchunked(rest)?;
            } else if let Some(length) = answer.header("content-length") {
                (length.parse() == Ok(rest.len())).then_some(())?;
            }
        }
        Some(answer)
    }
}

fn cut_short(why: io::Result<()>) -> io::Error {
    why.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// The chunks, joined; `None` where the last one is missing.
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let digits = std::str::from_utf8(rest.get(..end)?).ok()?;
        let length = usize::from_str_radix(digits, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..)?.get(..length)?);
        rest = rest.get(end + 2 + length + 2..)?;
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The names are in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[test]
fn an_answer_is_whole_or_none() {
    let ask = |raw: &[u8]| Request::get("/").whole(raw).map(|answer| (answer.status, answer.body));
    let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(ask(plain), Some((200, b"abc".to_vec())));
    let chunked =
        b"HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    assert_eq!(ask(chunked), Some((503, b"abc".to_vec())));
    for cut in [&plain[..plain.len() - 1], &chunked[..chunked.len() - 9], &plain[..20]] {
        assert_eq!(ask(cut), None);
    }
}
