//! Fetching a model from a hub on the loopback.

use std::collections::VecDeque;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tollgate_embed::hub::{ALL_MINILM_L6_V2, FetchError, Hub, PinnedFile, Progress, Release};

/// What the hub answers, in order, one connection each.
enum Reply {
    /// Status, headers, and the contents from the byte on that was asked for.
    Ranged,
    /// Everything, whatever was asked for.
    Whole,
    /// Head and body as they are, then the connection is closed.
    Raw(String),
    /// The head, some bytes of the contents, and then nothing more.
    Cut(usize),
    /// Nothing, for as long as the client waits.
    Silence,
}

/// A server with a file of 10,000 bytes, and what it was asked.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

fn contents() -> Vec<u8> {
    (0..10_000_u32).map(|number| u8::try_from(number * 7 % 251).unwrap()).collect()
}

fn sha256() -> String {
    Sha256::digest(contents()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Server {
    fn with(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (mut replies, log) = (replies.into_iter().collect::<VecDeque<_>>(), asked.clone());
        std::thread::spawn(move || {
            while let Some(reply) = replies.pop_front() {
                let (mut stream, _) = listener.accept().unwrap();
                let head = head(&mut stream);
                log.lock().unwrap().push(head.clone());
                answer(&mut stream, &reply, &head);
            }
        });
        Self { address, asked }
    }

    /// The first line and the range of each request.
    fn asked(&self) -> Vec<(String, Option<String>)> {
        let asked = self.asked.lock().unwrap();
        let range = |head: &str| head.lines().find_map(|line| Some(line.strip_prefix("range: ")?.to_owned()));
        asked.iter().map(|head| (head.lines().next().unwrap().to_owned(), range(head))).collect()
    }

    fn fetch(&self, folder: &Path) -> (Result<(), FetchError>, Vec<Progress>) {
        self.fetch_pinned(folder, &sha256())
    }

    fn fetch_pinned(&self, folder: &Path, sha256: &str) -> (Result<(), FetchError>, Vec<Progress>) {
        let files = [PinnedFile { name: "model.bin", size: 10_000, sha256 }];
        let release = Release { repository: "a/b", revision: "main", files: &files };
        let hub = Hub::at(&self.address).patience(Duration::from_millis(500));
        let mut progress = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let result = runtime.block_on(hub.fetch(&release, folder, |step| progress.push(step)));
        (result, progress)
    }
}

fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn answer(stream: &mut TcpStream, reply: &Reply, head: &str) {
    let contents = contents();
    let from =
        head.lines().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", contents.len());
    let bytes = match (reply, from) {
        (Reply::Ranged, Some(from)) => {
            let range = format!("content-range: bytes {from}-9999/10000\r\ncontent-length: {}", contents.len() - from);
            let head = format!("HTTP/1.1 206 Partial Content\r\n{range}\r\nconnection: close\r\n\r\n");
            [head.as_bytes(), &contents[from..]].concat()
        }
        (Reply::Ranged | Reply::Whole, _) => [whole.as_bytes(), &contents].concat(),
        (Reply::Raw(raw), _) => raw.clone().into_bytes(),
        (Reply::Cut(length), _) => [whole.as_bytes(), &contents[..*length]].concat(),
        (Reply::Silence, _) => {
            // Until the client goes away.
            let _ = stream.read(&mut [0]);
            return;
        }
    };
    // A client that has seen enough may have gone.
    let _ = stream.write_all(&bytes);
}

fn redirect(to: &str) -> Reply {
    Reply::Raw(format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))
}

fn status(line: &str) -> Reply {
    Reply::Raw(format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))
}

/// That the file is in its place and nothing else is in the folder.
#[track_caller]
fn check_fetched(folder: &Path) {
    assert!(fs::read(folder.join("model.bin")).unwrap() == contents());
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
}

#[test]
fn a_file_is_fetched_once() {
    let (server, folder) = (Server::with([Reply::Ranged]), tempfile::tempdir().unwrap());
    let folder = folder.path().join("made");
    let (result, progress) = server.fetch(&folder);
    result.unwrap();
    check_fetched(&folder);
    assert_eq!(server.asked(), [("GET /a/b/resolve/main/model.bin HTTP/1.1".to_owned(), None)]);
    assert_eq!(progress.last(), Some(&Progress { done: 10_000, total: 10_000 }));
    assert!(progress.is_sorted_by_key(|step| step.done));
    // It is there and right, so that nobody is asked: the server would not answer any more.
    let (result, progress) = server.fetch(&folder);
    result.unwrap();
    assert_eq!(progress, [Progress { done: 10_000, total: 10_000 }]);
}

#[test]
fn what_broke_off_goes_on_where_it_was() {
    let (server, folder) = (Server::with([Reply::Cut(4000), Reply::Ranged]), tempfile::tempdir().unwrap());
    server.fetch(folder.path()).0.unwrap();
    check_fetched(folder.path());
    let ranges: Vec<_> = server.asked().into_iter().map(|(_, range)| range).collect();
    assert_eq!(ranges, [None, Some("bytes=4000-".to_owned())]);
}

#[test]
fn and_so_does_a_later_fetch() {
    let cuts = [Reply::Cut(1000), Reply::Cut(0), Reply::Cut(1000)];
    let (server, folder) = (Server::with(cuts), tempfile::tempdir().unwrap());
    let error = server.fetch(folder.path()).0.unwrap_err();
    assert!(error.is_transient() && !error.is_not_found(), "{error}");
    assert!(!folder.path().join("model.bin").exists());
    let server = Server::with([Reply::Ranged]);
    server.fetch(folder.path()).0.unwrap();
    check_fetched(folder.path());
    assert_eq!(server.asked()[0].1.as_deref(), Some("bytes=1000-"));
}

#[test]
fn a_server_that_ignores_ranges_is_heard_from_the_beginning() {
    let (server, folder) = (Server::with([Reply::Cut(4000), Reply::Whole]), tempfile::tempdir().unwrap());
    server.fetch(folder.path()).0.unwrap();
    check_fetched(folder.path());
}

#[test]
fn a_range_that_is_refused_or_another_one_is_fetched_anew() {
    let other = "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-1/10000\r\ncontent-length: 2\r\n\r\nxx";
    for reply in [status("416 Range Not Satisfiable"), Reply::Raw(other.to_owned())] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::with([Reply::Cut(4000), reply, Reply::Ranged]);
        server.fetch(folder.path()).0.unwrap();
        check_fetched(folder.path());
        assert_eq!(server.asked()[2].1, None);
    }
}

#[test]
fn what_is_not_the_file_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = sha256().replace('0', "1");
    let error = Server::with([Reply::Ranged]).fetch_pinned(folder.path(), &wrong).0.unwrap_err();
    assert!(error.is_wrong_contents() && !error.is_transient(), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn more_than_the_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let more = format!("HTTP/1.1 200 OK\r\ncontent-length: 20000\r\n\r\n{}", "x".repeat(20_000));
    let error = Server::with([Reply::Raw(more)]).fetch(folder.path()).0.unwrap_err();
    assert!(error.is_wrong_contents(), "{error}");
}

#[test]
fn a_file_that_is_there_and_wrong_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("model.bin"), vec![0; 10_000]).unwrap();
    fs::write(folder.path().join("model.bin.part"), vec![0; 10_001]).unwrap();
    Server::with([Reply::Ranged]).fetch(folder.path()).0.unwrap();
    check_fetched(folder.path());
}

#[test]
fn redirects_are_followed_with_the_range() {
    let store = Server::with([Reply::Cut(4000), Reply::Ranged]);
    let to = format!("{}/store/x?signed=1", store.address);
    let hub = Server::with([redirect("/api/cache/x"), redirect(&to), redirect(&to)]);
    let folder = tempfile::tempdir().unwrap();
    hub.fetch(folder.path()).0.unwrap();
    check_fetched(folder.path());
    assert_eq!(hub.asked()[1].0, "GET /api/cache/x HTTP/1.1");
    assert_eq!(store.asked()[1], ("GET /store/x?signed=1 HTTP/1.1".to_owned(), Some("bytes=4000-".to_owned())));
}

#[test]
fn redirects_in_a_circle_end() {
    let server = Server::with((0..6).map(|_| redirect("/again")));
    let folder = tempfile::tempdir().unwrap();
    let error = server.fetch(folder.path()).0.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("model.bin"), "{error}");
    assert_eq!(server.asked().len(), 6);
}

#[test]
fn what_the_hub_does_not_have_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let error = Server::with([status("404 Not Found")]).fetch(folder.path()).0.unwrap_err();
    assert!(error.is_not_found() && !error.is_transient(), "{error}");
    assert!(error.to_string().contains("404") && error.to_string().contains("model.bin"), "{error}");
}

#[test]
fn a_hub_with_a_problem_is_asked_again() {
    let server = Server::with([status("503 Service Unavailable"), Reply::Silence, Reply::Ranged]);
    let folder = tempfile::tempdir().unwrap();
    server.fetch(folder.path()).0.unwrap();
    check_fetched(folder.path());
}

#[test]
fn what_is_no_address_is_not_asked() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for endpoint in ["", "hub.example", "ftp://hub.example"] {
        let error = runtime.block_on(Hub::at(endpoint).fetch(&ALL_MINILM_L6_V2, folder.path(), |_| ())).unwrap_err();
        assert!(error.to_string().contains("no address"), "{error} for {endpoint}");
    }
    let files = [PinnedFile { name: "../x", size: 1, sha256: "" }];
    let outside = Release { repository: "a/b", revision: "main", files: &files };
    assert!(runtime.block_on(Hub::default().fetch(&outside, folder.path(), |_| ())).is_err());
}

#[test]
fn the_pinned_model_is_the_real_one() {
    let Some(folder) = crate::real() else { return };
    for file in ALL_MINILM_L6_V2.files {
        let bytes = fs::read(folder.join(file.name)).unwrap();
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((bytes.len() as u64, digest.as_str()), (file.size, file.sha256), "{}", file.name);
    }
}
