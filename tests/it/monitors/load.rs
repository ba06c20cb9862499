//! How many probes a server makes for a second of processor time, beside other programs that do the same: not part of the test run,
//! `script/bench --monitors` prints the figures. `PEERS` is a folder with the others' programs; those that are not there are left out.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::rundown::Desk;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// A server that answers everything with the same words, and counts.
async fn backend() -> (u16, Arc<AtomicU64>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let asked = Arc::new(AtomicU64::new(0));
    let counted = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move {
                let (mut request, mut filled) = ([0_u8; 2048], 0);
                while !request[..filled].windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut request[filled..]).await {
                        Ok(0) | Err(_) => return,
                        Ok(read) => filled += read,
                    }
                }
                let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\
                               connection: close\r\n\r\n{\"operational\": true}";
                if stream.write_all(answer).await.is_ok() {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    (port, asked)
}

/// Seconds of processor time and megabytes of memory of a process: all that is resident, and what of it is its own.
fn usage(process: u32) -> (f64, u64, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("a running process");
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = behind.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    let line =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    let mb = |name| line(name).unwrap_or(0_u64) / 1024;
    (ticks as f64 / 100.0, mb("VmRSS:"), mb("RssAnon:"))
}

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Lets a program probe for a while and tells what that took.
async fn measured(name: &str, process: u32, asked: &AtomicU64, seconds: u64) {
    tokio::time::sleep(Duration::from_secs(number("LOAD_WARM", 20))).await;
    let load = || std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let ((before, ..), count, began, busy) = (usage(process), asked.load(Ordering::Relaxed), Instant::now(), load());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let ((after, resident, own), count) = (usage(process), asked.load(Ordering::Relaxed) - count);
    let (took, spent) = (began.elapsed().as_secs_f64(), after - before);
    println!(
        "{name}: {count} probes in {took:.0} s ({:.0}/s), {spent:.2} s of CPU, {:.3} CPU-s per 1,000; {resident} MB, {own} of its own; \
         load before {}, after {}",
        count as f64 / took,
        spent / count as f64 * 1000.0,
        busy.split(' ').next().unwrap_or_default(),
        load().split(' ').next().unwrap_or_default(),
    );
}

fn peer(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PEERS")?;
    ["usr/bin", "usr/sbin"].iter().map(|part| Path::new(&folder).join(part).join(name)).find(|file| file.is_file())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "takes minutes; script/bench --monitors runs it"]
async fn five_thousand_monitors() {
    let (monitors, every, seconds) =
        (number("LOAD_MONITORS", 5_000), number("LOAD_EVERY", 15), number("LOAD_SECONDS", 60));
    let (port, asked) = backend().await;

    let mut page = format!("defaults: {{ every: {every}s, timeout: 5s, fail_for: 1m, ok_for: 1m }}\nmonitors:\n");
    for number in 1..=monitors {
        page.push_str(&format!(
            "  m{number}: {{ check: {{ http: {{ get: \"{{{{target.api.url}}}}/m{number}\" }} }}, \
             expect: \"status == 200 && body.operational == true\" }}\n"
        ));
    }
    let targets =
        format!("environments:\n  here: {{ zone: UTC, targets: {{ api: {{ url: \"http://127.0.0.1:{port}\" }} }} }}\n");
    let desk = Desk::with_pages(&[("targets.yaml", &targets), ("monitors.yaml", &page)]);
    let mut command = desk.command(&["serve"]);
    command.env("RUST_LOG", "rundown::engine::monitoring=info,rundown=warn").stderr(Stdio::inherit());
    let bot = Running(command.spawn().expect("the binary runs"));
    measured("rundown", bot.0.id(), &asked, seconds).await;
    drop(bot);
    let size = |name: &str| std::fs::metadata(desk.path().join(name)).map_or(0, |file| file.len());
    let samples = size("samples.db") + size("samples.db-wal");
    println!("samples.db with its log: {} KiB", samples / 1024);

    if let Some(program) = peer("prometheus-blackbox-exporter") {
        blackbox(&program, desk.path(), port, &asked, (monitors, every, seconds)).await;
    }
    if let Some(program) = peer("monit") {
        monit(&program, desk.path(), port, &asked, (monitors, every, seconds)).await;
    }
}

async fn blackbox(
    program: &Path,
    folder: &Path,
    port: u16,
    asked: &AtomicU64,
    (monitors, every, seconds): (u64, u64, u64),
) {
    let modules = "modules:\n  http_2xx:\n    prober: http\n    timeout: 5s\n    http:\n      valid_status_codes: [200]\n      \
                   preferred_ip_protocol: ip4\n      fail_if_body_not_matches_regexp: ['\"operational\": true']\n";
    std::fs::write(folder.join("blackbox.yml"), modules).expect("a file");
    let spare = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", folder.join("blackbox.yml").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{spare}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let exporter = Running(command.spawn().expect("the exporter runs"));
    let driving = tokio::spawn(async move {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let gap = Duration::from_secs_f64(every as f64 / monitors as f64);
        let mut turn = tokio::time::interval(gap);
        for number in (1..=monitors).cycle() {
            turn.tick().await;
            let url =
                format!("http://127.0.0.1:{spare}/probe?module=http_2xx&target=http://127.0.0.1:{port}/m{number}");
            let asking = client.get(url).send();
            tokio::spawn(async move { drop(asking.await) });
        }
    });
    measured("blackbox_exporter", exporter.0.id(), asked, seconds).await;
    driving.abort();
}

async fn monit(
    program: &Path,
    folder: &Path,
    port: u16,
    asked: &AtomicU64,
    (monitors, every, seconds): (u64, u64, u64),
) {
    let at = |name: &str| folder.join(name).display().to_string();
    let mut file = format!(
        "set daemon {every}\nset pidfile {}\nset idfile {}\nset statefile {}\n",
        at("monit.pid"),
        at("monit.id"),
        at("monit.state")
    );
    for number in 1..=monitors {
        file.push_str(&format!(
            "check host m{number} with address 127.0.0.1\n  if failed port {port} protocol http request \"/m{number}\" \
             content = \"operational\" then alert\n"
        ));
    }
    let path = folder.join("monitrc");
    std::fs::write(&path, file).expect("a file");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("permissions");
    let mut command = Command::new(program);
    command.arg("-I").arg("-c").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
    let monit = Running(command.spawn().expect("monit runs"));
    measured("monit", monit.0.id(), asked, seconds).await;
}
