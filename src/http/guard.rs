//! Stands between the socket and hyper: reads each HTTP/1 head whole, refuses what hyper would let through, and never
//! lets what is left of one request be taken for the next. HTTP/2, known by its preface, passes untouched.

use crate::http::limits::Limits;
use crate::http::problem::Problem;
use axum::http::Uri;
use axum::http::uri::Authority;
use bytes::{Buf, BytesMut};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

pub const HEAD_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 100;
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What hyper reads in place of a refused head; whoever serves the connection answers it from the verdict.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused.invalid\r\nconnection: close\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Malformed(&'static str),
    HeadTooLarge,
    BodyTooLarge,
    Late,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        match refusal {
            Refusal::Malformed(why) => Problem::bad_request(why),
            Refusal::HeadTooLarge => Problem::headers_too_large("a head has at most 16 KiB and 100 headers"),
            Refusal::BodyTooLarge => Problem::too_large("the announced body is larger than any that is taken here"),
            Refusal::Late => Problem::timeout("the request's head did not arrive in time"),
        }
    }
}

/// Set once, when the head that hyper is about to read is a stand-in; nothing is read after it.
pub type Verdict = Arc<OnceLock<Refusal>>;

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Head,
    /// This many bytes still belong to the request, head included.
    Request(u64),
    /// Chunked: where the body ends is for hyper to say, so the connection ends with it.
    LastRequest,
    Http2,
    /// What is buffered, then end of file.
    Ended,
}

pub struct Guard<IO> {
    io: IO,
    stage: Stage,
    first: bool,
    buffer: BytesMut,
    scanned: usize,
    timer: Option<Pin<Box<Sleep>>>,
    verdict: Verdict,
    head_time: Duration,
    linger: Duration,
    body_max: u64,
    write_shut: bool,
}

impl<IO: AsyncRead + Unpin> Guard<IO> {
    pub fn new(io: IO, limits: &Limits) -> (Guard<IO>, Verdict) {
        let verdict = Verdict::default();
        let guard = Guard {
            io,
            stage: Stage::Head,
            first: true,
            buffer: BytesMut::new(),
            scanned: 0,
            timer: Some(Box::pin(sleep(limits.head))),
            verdict: verdict.clone(),
            head_time: limits.head,
            linger: limits.linger,
            body_max: limits.body_max,
            write_shut: false,
        };
        (guard, verdict)
    }

    /// Ready when the stage is no longer `Head`. A head must be whole in its time, counted from the first byte (on a new
    /// connection from its start); between requests there is no hurry.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.inspect();
            if self.stage != Stage::Head {
                self.timer = None;
                return Poll::Ready(Ok(()));
            }
            let mut chunk = [0; 2048];
            let room = chunk.len().min(HEAD_MAX - self.buffer.len());
            let mut part = ReadBuf::new(&mut chunk[..room]);
            match Pin::new(&mut self.io).poll_read(cx, &mut part)? {
                Poll::Ready(()) if part.filled().is_empty() => self.stage = self.end(),
                Poll::Ready(()) => self.buffer.extend_from_slice(part.filled()),
                Poll::Pending if self.buffer.is_empty() && self.timer.is_none() => return Poll::Pending,
                Poll::Pending => {
                    let time = self.head_time;
                    ready!(self.timer.get_or_insert_with(|| Box::pin(sleep(time))).as_mut().poll(cx));
                    self.stage = if self.buffer.is_empty() { self.end() } else { self.refuse(Refusal::Late) };
                }
            }
        }
    }

    fn inspect(&mut self) {
        if self.first && self.buffer.starts_with(HTTP2_PREFACE) {
            self.stage = Stage::Http2;
            return;
        }
        if self.first && HTTP2_PREFACE.starts_with(&self.buffer) {
            return;
        }
        // RFC 9112, 2.2: empty lines before the request line are passed over.
        while self.scanned == 0 && self.buffer.starts_with(b"\r\n") {
            self.buffer.advance(2);
        }
        self.stage = match end_of_head(&self.buffer, self.scanned) {
            Err(why) => self.refuse(Refusal::Malformed(why)),
            Ok(None) if self.buffer.len() >= HEAD_MAX => self.refuse(Refusal::HeadTooLarge),
            Ok(None) => {
                self.scanned = self.buffer.len();
                return;
            }
            Ok(Some(end)) => match judge(&self.buffer[..end], self.body_max) {
                Err(refusal) => self.refuse(refusal),
                Ok(Framing::Length(body)) => Stage::Request(end as u64 + body),
                Ok(Framing::Chunked) => {
                    let rest = self.buffer.split_off(end);
                    self.buffer.truncate(end - 2);
                    self.buffer.extend_from_slice(b"connection: close\r\n\r\n");
                    self.buffer.unsplit(rest);
                    Stage::LastRequest
                }
            },
        };
        self.first = false;
        self.scanned = 0;
    }

    fn refuse(&mut self, refusal: Refusal) -> Stage {
        let _ = self.verdict.set(refusal);
        self.buffer = BytesMut::from(STAND_IN);
        Stage::Ended
    }

    fn end(&mut self) -> Stage {
        self.buffer.clear();
        Stage::Ended
    }

    /// At most `most` bytes, from the buffer or else from the socket.
    fn poll_pass(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>, most: u64) -> Poll<io::Result<usize>> {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(out.remaining());
        if !self.buffer.is_empty() {
            let given = self.buffer.split_to(most.min(self.buffer.len()));
            out.put_slice(&given);
            return Poll::Ready(Ok(given.len()));
        }
        let mut part = ReadBuf::new(out.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        out.advance(read);
        Poll::Ready(Ok(read))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Guard<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.stage == Stage::Head {
            ready!(self.poll_head(cx))?;
        }
        match self.stage {
            Stage::Request(left) => {
                let left = left - ready!(self.poll_pass(cx, out, left))? as u64;
                self.stage = if left == 0 { Stage::Head } else { Stage::Request(left) };
            }
            Stage::Ended if self.buffer.is_empty() => {}
            Stage::Head | Stage::LastRequest | Stage::Http2 | Stage::Ended => {
                ready!(self.poll_pass(cx, out, u64::MAX))?;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// A socket closed over unread bytes is reset, and the reset can overtake the answer: what is left of a request is
    /// read away for a moment first.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.write_shut {
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
            self.write_shut = true;
            self.timer = Some(Box::pin(sleep(self.linger)));
        }
        if self.stage == Stage::Http2 || self.stage == Stage::Head && self.buffer.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if self.timer.as_mut().is_none_or(|timer| timer.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Ok(()));
        }
        let mut chunk = [0; 8192];
        loop {
            let mut part = ReadBuf::new(&mut chunk);
            match ready!(Pin::new(&mut self.io).poll_read(cx, &mut part)) {
                Ok(()) if !part.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// Where the head ends, if it does; the bytes before `scanned` have been looked at.
fn end_of_head(bytes: &[u8], scanned: usize) -> Result<Option<usize>, &'static str> {
    for at in scanned.saturating_sub(1)..bytes.len() {
        match bytes[at] {
            b'\n' if at == 0 || bytes[at - 1] != b'\r' => return Err("a line ends with LF alone"),
            b'\n' if bytes[..=at].ends_with(b"\r\n\r\n") => return Ok(Some(at + 1)),
            b'\r' if bytes.get(at + 1).is_some_and(|next| *next != b'\n') => return Err("a CR stands alone"),
            b'\n' | b'\r' | b'\t' => {}
            byte if byte.is_ascii_control() => return Err("a control character stands in the head"),
            _ => {}
        }
    }
    Ok(None)
}

#[derive(Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
}

/// A whole head, by RFC 9112, taking the strict side wherever two readers could differ.
fn judge(head: &[u8], body_max: u64) -> Result<Framing, Refusal> {
    use Refusal::Malformed;
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = lines.next().unwrap_or_default();
    let (mut hosts, mut lengths, mut codings, mut count) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for field in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = header(field).map_err(Malformed)?;
        match name.to_ascii_lowercase().as_slice() {
            b"host" => hosts.push(value),
            b"content-length" => lengths.push(value),
            b"transfer-encoding" => codings.push(value),
            _ => {}
        }
        count += 1;
    }
    if count > HEADERS_MAX {
        return Err(Refusal::HeadTooLarge);
    }
    let (target, version) = request_line(line).map_err(Malformed)?;
    let host = match (hosts.as_slice(), version) {
        ([host], _) => Some(authority(host).ok_or(Malformed("the Host header holds no host"))?),
        ([], Version::Http10) => None,
        ([], Version::Http11) => return Err(Malformed("there is no Host header")),
        _ => return Err(Malformed("there is more than one Host header")),
    };
    if target.authority().is_some_and(|named| host.as_ref() != Some(named)) {
        return Err(Malformed("the target and the Host header name different hosts"));
    }
    match (codings.as_slice(), lengths.as_slice(), version) {
        ([], [], _) => Ok(Framing::Length(0)),
        ([], [length], _) => content_length(length, body_max).map(Framing::Length),
        ([], _, _) => Err(Malformed("there is more than one Content-Length")),
        ([_, ..], [_, ..], _) => Err(Malformed("there are both Transfer-Encoding and Content-Length")),
        (_, [], Version::Http10) => Err(Malformed("HTTP/1.0 has no Transfer-Encoding")),
        ([coding], [], _) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        (_, [], _) => Err(Malformed("the only Transfer-Encoding taken is chunked")),
    }
}

#[derive(Clone, Copy)]
enum Version {
    Http10,
    Http11,
}

fn request_line(line: &[u8]) -> Result<(Uri, Version), &'static str> {
    let [method, target, version] = line.split(|byte| *byte == b' ').collect::<Vec<_>>()[..] else {
        return Err("the request line has not three parts");
    };
    let version = match version {
        b"HTTP/1.1" => Version::Http11,
        b"HTTP/1.0" => Version::Http10,
        _ => return Err("the version is neither HTTP/1.1 nor HTTP/1.0"),
    };
    if method.is_empty() || !method.iter().all(is_token) || method == b"CONNECT" {
        return Err("the method is not one that can be served");
    }
    let plain = target.iter().all(|byte| byte.is_ascii_graphic() && !br##"#"<>\^`{|}"##.contains(byte));
    let form = match target {
        [b'/', ..] => true,
        b"*" => method == b"OPTIONS",
        _ => target.starts_with(b"http://") || target.starts_with(b"https://"),
    };
    match Uri::try_from(target) {
        Ok(target) if plain && form => Ok((target, version)),
        _ => Err("the request target is malformed"),
    }
}

fn header(line: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    if matches!(line, [b' ' | b'\t', ..]) {
        return Err("a header line is folded");
    }
    let colon = line.iter().position(|byte| *byte == b':').ok_or("a header line has no colon")?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if name.is_empty() || !name.iter().all(is_token) {
        return Err("a header name holds a character it may not");
    }
    Ok((name, value))
}

fn authority(value: &[u8]) -> Option<Authority> {
    Authority::try_from(value).ok().filter(|host| !host.as_str().contains('@') && !host.host().is_empty())
}

fn content_length(value: &[u8], most: u64) -> Result<u64, Refusal> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::Malformed("the Content-Length is not a number"));
    }
    let length = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
    length.filter(|length| *length <= most).ok_or(Refusal::BodyTooLarge)
}

/// RFC 9110, 5.6.2.
fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let bad = |why: &str| Err(why.to_owned());
        let rows: &[(&str, Result<Framing, String>)] = &[
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(Framing::Length(0))),
            ("GET / HTTP/1.0\r\n\r\n", Ok(Framing::Length(0))),
            ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Ok(Framing::Length(0))),
            ("GET http://A:80/x HTTP/1.1\r\nHost: a:80\r\n\r\n", Ok(Framing::Length(0))),
            ("GET /x?y=%20z HTTP/1.1\r\nHost: [::1]:8080\r\nX-Any:\r\n\r\n", Ok(Framing::Length(0))),
            ("POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH:\t7 \r\n\r\n", Ok(Framing::Length(7))),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", Ok(Framing::Chunked)),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", bad("BodyTooLarge")),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", bad("holds no host")),
            ("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", bad("holds no host")),
            ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", bad("different hosts")),
            ("GET http://a/ HTTP/1.0\r\n\r\n", bad("different hosts")),
            ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", bad("target is malformed")),
            ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", bad("method")),
        ];
        for (head, expected) in rows {
            match (judge(head.as_bytes(), 100), expected) {
                (Ok(framing), Ok(wanted)) => assert_eq!(framing, *wanted, "{head:?}"),
                (Err(refusal), Err(why)) => assert!(format!("{refusal:?}").contains(why), "{head:?}: {refusal:?}"),
                (judged, _) => panic!("{head:?}: {judged:?}"),
            }
        }
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(HEADERS_MAX));
        assert_eq!(judge(many.as_bytes(), 100), Err(Refusal::HeadTooLarge));
    }

    #[test]
    fn the_end_is_found_wherever_the_reads_were_cut() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET";
        for cut in 0..=head.len() {
            let first = end_of_head(&head[..cut], 0).unwrap();
            let end = first.map_or_else(|| end_of_head(head, cut).unwrap(), Some);
            assert_eq!(end, Some(head.len() - 3), "cut at {cut}");
        }
        for (bytes, cut) in [(&b"GET\nx"[..], 3), (b"GET\rx", 4), (b"GET\r\rx", 4), (b"\n", 0), (b"a\0", 1)] {
            assert!(end_of_head(bytes, cut).is_err(), "{bytes:?}");
        }
    }
}
