//! A peer on the loopback that answers from a script, and remembers what it was asked.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

#[derive(Clone, Debug)]
pub enum Reply {
    /// These bytes, with `{base}` replaced by the stand-in's URL.
    Raw(String),
    /// Read the request, then hang up.
    Drop,
    /// Read the request, then say nothing.
    Silence,
}

pub struct StandIn {
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// A whole answer; `headers` are lines that end in CRLF.
pub fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Stand-In\r\nConnection: close\r\n{headers}\r\n{body}")
}

/// A port that is taken and refuses: bound, but nobody listens. It stays so while the socket is held.
pub fn refused_url() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    (socket, url)
}

impl StandIn {
    /// One connection for each reply; afterwards the port is closed.
    pub async fn start(replies: Vec<Reply>) -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (base, seen) = (url.clone(), requests.clone());
        tokio::spawn(async move {
            let mut silent = Vec::new();
            for reply in replies {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = request(&mut stream).await;
                seen.lock().unwrap().push(request);
                match reply {
                    Reply::Raw(text) => {
                        // The client may hang up first: it takes no more than its limit.
                        let _ = stream.write_all(text.replace("{base}", &base).as_bytes()).await;
                        let _ = stream.shutdown().await;
                    }
                    Reply::Drop => drop(stream),
                    Reply::Silence => silent.push(stream),
                }
            }
            drop(listener);
            std::future::pending::<()>().await;
            drop(silent);
        });
        StandIn { url, requests }
    }

    pub fn request(&self, index: usize) -> String {
        self.requests.lock().unwrap()[index].clone()
    }

    pub fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// Head and body, as long as `Content-Length` says.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the request was cut");
    }
}
