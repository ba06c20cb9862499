//! The heartbeat of a server: an address that something else watches is called again and again.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::place::Place;
use super::served::Served;

/// An address that counts its calls, and takes the first and every one from the fourth on.
struct Watchman {
    url: String,
    calls: watch::Receiver<Vec<String>>,
    task: tokio::task::JoinHandle<()>,
}

impl Watchman {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/ping/k3y", listener.local_addr().expect("its address"));
        let (kept, calls) = watch::channel(Vec::new());
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 2_048];
                let Ok(read) = stream.read(&mut request).await else { continue };
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                let line = request.lines().next().unwrap_or_default().to_owned();
                let before = kept.borrow().len();
                // The second is refused, the third gets no answer at all.
                let status = match before {
                    1 => "500 Internal Server Error",
                    _ => "200 OK",
                };
                if before != 2 {
                    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
                drop(stream);
                kept.send_modify(|calls| calls.push(line));
            }
        });
        Self { url, calls, task }
    }

    /// Waits until it was called so often.
    async fn called(&self, times: usize) {
        let mut calls = self.calls.clone();
        let enough = calls.wait_for(|calls| calls.len() >= times);
        tokio::time::timeout(std::time::Duration::from_secs(30), enough).await.expect("in time").expect("it listens");
    }
}

#[tokio::test]
async fn an_address_is_called_again_and_again_and_its_failing_disturbs_nobody() {
    let watchman = Watchman::start().await;
    let mut place = Place::by_hand();
    place.desk.set("BEAT", watchman.url.clone());
    let Place { discord, ana, desk, ops } = &place;
    let before = discord.look(|world| world.sessions.identified);
    let bot = Served::spawn(desk, discord, *ops, "[heartbeat]\nurl = { env = \"BEAT\" }\nevery = \"1s\"\n");
    discord.until("the bot is connected", |world| world.sessions.identified > before).await;
    discord.registered("incident").await;
    watchman.called(2).await;
    assert!(watchman.calls.borrow().iter().all(|line| line.ends_with("/ping/k3y HTTP/1.1")), "{:?}", watchman.calls);

    // It is refused and cut off, and people are answered all the while.
    bot.says("the heartbeat was not heard").await;
    let (_, card) = place.declare("The disk is full").await;
    ana.press(card, "I'm on it").acknowledged().await;
    watchman.called(5).await;
    assert!(!bot.said().contains("k3y"), "the address may hold a key: {}", bot.said());
    assert_eq!(bot.leaves(), Some(0));
    watchman.task.abort();
    discord.finished();
}
