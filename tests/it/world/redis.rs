//! A plain connection to Redis, for looking at the server from the tests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::REQUEST_PATIENCE;

/// An open connection; it takes one of the server's slots until it is dropped.
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects; the server may still refuse with its first answer.
    pub fn open(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(REQUEST_PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends one inline command and returns its answer: a status or an error with its mark, or a bulk string's text.
    pub fn ask(&mut self, command: &str) -> std::io::Result<String> {
        // A server at its limit has answered and closed before it is asked; its answer is still to be read.
        let sent = self.0.get_mut().write_all(format!("{command}\r\n").as_bytes());
        let mut head = String::new();
        if self.0.read_line(&mut head)? == 0 {
            sent?;
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let head = head.trim_end();
        let Some(length) = head.strip_prefix('$') else { return Ok(head.to_owned()) };
        let length: usize = length.parse().map_err(std::io::Error::other)?;
        let mut bulk = vec![0; length + 2];
        self.0.read_exact(&mut bulk)?;
        Ok(String::from_utf8_lossy(&bulk[..length]).into_owned())
    }
}

/// Whether a server is there; one at its client limit is up, too.
pub fn answers(port: u16) -> bool {
    let answer = Connection::open(port).and_then(|mut connection| connection.ask("PING"));
    answer.is_ok_and(|answer| answer == "+PONG" || answer == "-ERR max number of clients reached")
}
