//! Bodies of those who share an answer.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tollgate_cache::flight::Seat;
use tollgate_core::Error;
use tollgate_core::ir::{Event, WriteAnswer};

/// The bytes of the first client.
pub(super) struct Raw {
    before: VecDeque<Bytes>,
    seat: Seat,
}

/// An answer in another client's protocol.
pub(super) struct Rendered {
    seat: Seat,
    writer: Box<dyn WriteAnswer>,
    out: Vec<u8>,
}

impl Raw {
    pub(super) fn new(before: Vec<Bytes>, seat: Seat) -> Self {
        Self { before: before.into(), seat }
    }
}

impl http_body::Body for Raw {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        loop {
            let raw = match this.before.pop_front() {
                Some(raw) => raw,
                None => match ready!(this.seat.poll_chunk(cx)) {
                    None => {
                        this.seat.finish();
                        return Poll::Ready(None);
                    }
                    Some(chunk) => chunk?.raw.clone(),
                },
            };
            if !raw.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(raw))));
            }
        }
    }
}

impl Rendered {
    pub(super) fn new(seat: Seat, writer: Box<dyn WriteAnswer>) -> Self {
        Self { seat, writer, out: Vec::new() }
    }

    fn write(&mut self, event: &Event) {
        match event {
            // The client gets a name and a time of its own.
            Event::Start { model, .. } => {
                let start = Event::Start { id: None, model: model.clone(), created: None };
                self.writer.write(&start, &mut self.out);
            }
            event => self.writer.write(event, &mut self.out),
        }
    }
}

impl http_body::Body for Rendered {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        loop {
            let Some(chunk) = ready!(this.seat.poll_chunk(cx)) else {
                this.seat.finish();
                return Poll::Ready(None);
            };
            chunk?.events.iter().for_each(|event| this.write(event));
            if !this.out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.out).into()))));
            }
        }
    }
}
