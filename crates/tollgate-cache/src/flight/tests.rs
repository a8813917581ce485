//! Tests of flights.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http_body::Frame;
use tokio::sync::mpsc;
use tollgate_core::ir::{Event, ReadAnswer};
use tollgate_core::{Body, Context, Error, ErrorKind, Head, Operation, Request, Response, Usage};

use super::*;
use crate::Key;

/// A body that is fed by hand, and notes in its request's context what it took when it is dropped.
struct Fed(mpsc::UnboundedReceiver<Result<Bytes, Error>>, Context);

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.get_mut().0.poll_recv(cx).map(|next| next.map(|piece| piece.map(Frame::data)))
    }
}

impl Drop for Fed {
    fn drop(&mut self) {
        self.1.observe(|observed| observed.usage = Some(Usage { output: Some(7), ..Usage::default() }));
    }
}

/// Understands a full stop as the end.
struct Reader;

impl ReadAnswer for Reader {
    fn read(&mut self, bytes: &Bytes, out: &mut Vec<Event>) -> Result<(), Error> {
        if bytes.ends_with(b".") {
            out.push(Event::End);
        }
        Ok(())
    }

    fn end(&mut self, _: &mut Vec<Event>) -> Result<(), Error> {
        Ok(())
    }
}

const KEY: Key = Key::from_bytes([1; 32]);

struct Bench {
    flights: Flights,
    calls: Arc<AtomicUsize>,
    landed: Arc<Mutex<Vec<Landing>>>,
    limit: usize,
}

type Feed = mpsc::UnboundedSender<Result<Bytes, Error>>;

impl Bench {
    fn new() -> Self {
        Self { flights: Flights::default(), calls: Arc::default(), landed: Arc::default(), limit: 1000 }
    }

    fn request() -> Request {
        Request::new(Operation::ChatCompletions, Head::default(), "{}".into(), Context::builder("r").build())
    }

    fn join(&self) -> (Seat, Option<Feed>) {
        self.join_after(|| ())
    }

    /// Takes a seat, a first one after something else.
    fn join_after(&self, before: impl FnOnce()) -> (Seat, Option<Feed>) {
        let request = Self::request();
        let context = request.context.clone();
        let mut feed = None;
        let seat = self.flights.join_or_board(KEY, &request, || {
            before();
            self.calls.fetch_add(1, Ordering::Relaxed);
            let (sender, receiver) = mpsc::unbounded_channel();
            feed = Some(sender);
            let body = Fed(receiver, context.clone());
            let landed = self.landed.clone();
            Boarding {
                calling: Box::pin(async { Ok(Response::new(Body::arriving(body))) }),
                make_reader: Box::new(|_| Some(Box::new(Reader))),
                on_landing: Box::new(move |landing| landed.lock().unwrap().push(landing)),
                limit: self.limit,
            }
        });
        (seat, feed)
    }

    fn landing(&self) -> Landing {
        let mut landed = self.landed.lock().unwrap();
        assert_eq!(landed.len(), 1);
        landed.remove(0)
    }
}

async fn read(seat: &mut Seat) -> Result<String, Error> {
    let mut all = Vec::new();
    while let Some(chunk) = poll_fn(|cx| seat.poll_chunk(cx)).await {
        all.extend_from_slice(&chunk?.raw);
    }
    Ok(String::from_utf8(all).unwrap())
}

async fn read_one(seat: &mut Seat) -> String {
    let chunk = poll_fn(|cx| seat.poll_chunk(cx)).await.unwrap().unwrap();
    String::from_utf8(chunk.raw.to_vec()).unwrap()
}

#[tokio::test]
async fn everyone_reads_from_the_first_byte() {
    let bench = Bench::new();
    let (mut first, feed) = bench.join();
    let feed = feed.unwrap();
    feed.send(Ok("a".into())).unwrap();
    assert_eq!(read_one(&mut first).await, "a");
    let mut others: Vec<Seat> = (0..100).map(|_| bench.join().0).collect();
    let tasks: Vec<_> = others.drain(..).map(|mut seat| tokio::spawn(async move { read(&mut seat).await })).collect();
    tokio::task::yield_now().await;
    feed.send(Ok("b.".into())).unwrap();
    drop(feed);
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), "ab.");
    }
    assert_eq!(read(&mut first).await.unwrap(), "b.");
    assert_eq!(bench.calls.load(Ordering::Relaxed), 1);
    assert_eq!(bench.landing().chunks.unwrap().len(), 2);
    assert!(bench.flights.is_empty());
}

#[tokio::test]
async fn the_others_go_on_when_the_first_one_leaves_and_one_of_them_pays() {
    let bench = Bench::new();
    let (first, feed) = bench.join();
    let feed = feed.unwrap();
    let leader = first.leader().context.clone();
    let (mut second, _) = bench.join();
    let (mut third, _) = bench.join();
    let waiting = tokio::spawn(async move {
        let text = read(&mut third).await;
        (text, third.pays())
    });
    tokio::task::yield_now().await;
    drop(first);
    feed.send(Ok("x.".into())).unwrap();
    drop(feed);
    assert_eq!(read(&mut second).await.unwrap(), "x.");
    assert!(second.pays());
    let (text, pays) = waiting.await.unwrap();
    assert_eq!((text.unwrap(), pays), ("x.".to_owned(), false));
    drop(second);
    assert!(bench.landing().chunks.is_some());
    assert!(leader.observed().usage.is_some());
}

#[tokio::test]
async fn the_work_stops_with_the_last_one() {
    let bench = Bench::new();
    let (mut first, feed) = bench.join();
    let feed = feed.unwrap();
    let (second, _) = bench.join();
    feed.send(Ok("a".into())).unwrap();
    read_one(&mut first).await;
    drop(first);
    assert!(!feed.is_closed());
    drop(second);
    assert!(feed.is_closed());
    let landing = bench.landing();
    assert!(landing.chunks.is_none());
    assert!(bench.flights.is_empty());
    assert!(bench.join().1.is_some(), "who comes now asks anew");
}

#[tokio::test]
async fn who_leaves_after_the_answers_own_end_has_read_all_of_it() {
    let bench = Bench::new();
    let (mut first, feed) = bench.join();
    let feed = feed.unwrap();
    feed.send(Ok("done.".into())).unwrap();
    read_one(&mut first).await;
    drop(first);
    let landing = bench.landing();
    assert!(landing.is_understood && landing.chunks.is_some());
}

#[tokio::test]
async fn a_failure_is_everybodys() {
    let bench = Bench::new();
    let (mut first, feed) = bench.join();
    let feed = feed.unwrap();
    let (mut second, _) = bench.join();
    feed.send(Ok("a".into())).unwrap();
    feed.send(Err(Error::new(ErrorKind::UpstreamInvalid, "broke off"))).unwrap();
    for seat in [&mut first, &mut second] {
        assert_eq!(read(seat).await.unwrap_err().kind(), ErrorKind::UpstreamInvalid);
    }
    assert!(bench.landing().chunks.is_none());
    assert!(bench.join().1.is_some(), "who comes now asks anew");
}

#[tokio::test]
async fn who_reads_too_slowly_is_cut_off_and_the_memory_is_bounded() {
    let bench = Bench { limit: 10, ..Bench::new() };
    let (mut first, feed) = bench.join();
    let feed = feed.unwrap();
    let (mut slow, _) = bench.join();
    for _ in 0..100 {
        feed.send(Ok("abcd".into())).unwrap();
        assert_eq!(read_one(&mut first).await, "abcd");
    }
    assert!(bench.join().1.is_some(), "the beginning is gone, so who comes now asks anew");
    drop(feed);
    assert_eq!(read(&mut slow).await.unwrap_err().kind(), ErrorKind::Overloaded);
    assert_eq!(read(&mut first).await.unwrap(), "");
    assert!(bench.landed.lock().unwrap().iter().all(|landing| landing.chunks.is_none()));
}

/// Whether a thread that asks something else is not held up. It is waited for long enough for any machine.
fn others_may_ask(flights: &Flights) -> bool {
    let (flights, (done, is_done)) = (flights.clone(), std::sync::mpsc::channel());
    std::thread::spawn(move || {
        let seat = flights.join_or_board(Key::from_bytes([2; 32]), &Bench::request(), || Boarding {
            calling: Box::pin(std::future::pending()),
            make_reader: Box::new(|_| None),
            on_landing: Box::new(|_| ()),
            limit: 0,
        });
        let is_first = seat.is_first();
        drop(seat);
        let _ = done.send(is_first);
    });
    is_done.recv_timeout(std::time::Duration::from_secs(20)) == Ok(true)
}

#[tokio::test]
async fn a_request_that_takes_its_time_to_board_holds_up_no_other() {
    let bench = Bench::new();
    let mut second = None;
    let (first, feed) = bench.join_after(|| {
        assert!(others_may_ask(&bench.flights));
        second = Some(bench.join().0);
    });
    let mut second = second.unwrap();
    assert!(first.is_first() && !second.is_first());
    let feed = feed.unwrap();
    feed.send(Ok("a.".into())).unwrap();
    drop(feed);
    assert_eq!(read(&mut second).await.unwrap(), "a.");
    assert_eq!(bench.calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_answer_that_is_being_read_holds_up_none_but_those_who_want_a_seat_in_it() {
    let bench = Bench::new();
    let (first, _feed) = bench.join();
    let flight = bench.flights.flight(KEY, &Bench::request(), None).0;
    let state = flight.lock();
    let seats = Arc::strong_count(&flight);
    let flights = bench.flights.clone();
    let joining = std::thread::spawn(move || flights.join(&KEY, &Bench::request().context).is_some());
    // Once it has the flight in its hands, all it still needs is the seat.
    while Arc::strong_count(&flight) == seats {
        std::thread::yield_now();
    }
    assert!(others_may_ask(&bench.flights));
    let (flights, request) = (bench.flights.clone(), Bench::request());
    let boarding = std::thread::spawn(move || {
        flights.join_or_board(KEY, &request, || unreachable!("it can be joined")).is_first()
    });
    while Arc::strong_count(&flight) == seats + 1 {
        std::thread::yield_now();
    }
    assert!(others_may_ask(&bench.flights));
    drop(state);
    assert!(joining.join().unwrap() && !boarding.join().unwrap());
    drop(first);
}

#[tokio::test]
async fn who_waits_for_a_call_that_is_never_made_is_told_so() {
    let bench = Bench::new();
    let mut second = None;
    let boarded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        bench.join_after(|| {
            second = Some(bench.join().0);
            panic!("what boards has an error");
        })
    }));
    assert!(boarded.is_err());
    assert_eq!(read(&mut second.unwrap()).await.unwrap_err().kind(), ErrorKind::Internal);
    assert!(bench.flights.is_empty());
    assert!(bench.join().1.is_some(), "who comes now asks anew");
}

#[test]
fn threads_that_ask_the_same_at_the_same_time_all_read_it() {
    const THREADS: usize = 8;
    const ROUNDS: u8 = 200;
    let (flights, calls) = (Flights::default(), AtomicUsize::new(0));
    let start = std::sync::Barrier::new(THREADS);
    let board = || Boarding {
        calling: Box::pin(async { Ok(Response::new(Body::from(Bytes::from_static(b"all of it.")))) }),
        make_reader: Box::new(|_| Some(Box::new(Reader))),
        on_landing: Box::new(|_| ()),
        limit: 1000,
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for round in 0..ROUNDS {
                    start.wait();
                    let mut seat = flights.join_or_board(Key::from_bytes([round; 32]), &Bench::request(), || {
                        calls.fetch_add(1, Ordering::Relaxed);
                        board()
                    });
                    assert_eq!(runtime.block_on(read(&mut seat)).unwrap(), "all of it.");
                }
            });
        }
    });
    assert!(flights.is_empty());
    assert!((usize::from(ROUNDS)..=THREADS * usize::from(ROUNDS)).contains(&calls.load(Ordering::Relaxed)));
}
