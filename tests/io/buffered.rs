//! Buffered streams lose no byte, double no byte, and hold no unlimited number of bytes. This is true
//! for pieces of any size, and after a dropped call.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::support::now_or_never;
use crate::support::pair::pair;
use roundelay::io::{BufReader, BufWriter, DEFAULT_LIMIT, Read, ReadError, Write, copy};
use roundelay::{run, select, yield_now};

/// What a scripted stream does next.
#[derive(Clone)]
enum Step {
    Bytes(Vec<u8>),
    Wait,
    Fail(ErrorKind),
}

/// A stream that follows a script, then ends. It records the size of the largest read.
struct Script {
    steps: VecDeque<Step>,
    largest: Rc<Cell<usize>>,
}

impl Script {
    fn new(steps: impl IntoIterator<Item = Step>) -> Script {
        Script {
            steps: steps.into_iter().collect(),
            largest: Rc::default(),
        }
    }

    fn pieces<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Script {
        Script::new(pieces.into_iter().map(|piece| Step::Bytes(piece.into())))
    }
}

impl Read for Script {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.largest.set(self.largest.get().max(buf.len()));
        loop {
            match self.steps.front_mut() {
                None => return Ok(0),
                Some(Step::Wait) => {
                    self.steps.pop_front();
                    yield_now().await;
                }
                Some(Step::Fail(kind)) => {
                    let kind = *kind;
                    self.steps.pop_front();
                    return Err(kind.into());
                }
                Some(Step::Bytes(bytes)) => {
                    let count = bytes.len().min(buf.len());
                    buf[..count].copy_from_slice(&bytes[..count]);
                    bytes.drain(..count);
                    if bytes.is_empty() {
                        self.steps.pop_front();
                    }
                    return Ok(count);
                }
            }
        }
    }
}

/// The output of a future that never waits.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}

/// Polls a future once, which must not be enough, and drops it.
fn give_up<F: Future>(future: F) {
    assert!(
        pin!(future)
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
}

/// Polls a future at most `polls` times, and drops it. Gives its output, if there is one by then.
async fn poll_at_most<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        yield_now().await;
    }
    None
}

// Reading.

#[test]
fn the_limit_means_what_it_means_in_asyncio() {
    let _watched = crate::support::watch();
    let recorded = include_str!("asyncio.txt");
    let mut cases = 0;
    for case in recorded.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<String> = case
            .split(" | ")
            .map(|field| field.trim_matches(' ').replace('$', "\n"))
            .collect();
        let [limit, pieces, calls, results, rest] = fields.as_slice() else {
            panic!("{case}")
        };
        let script = Script::pieces(pieces.split(',').filter(|piece| !piece.is_empty()));
        let mut reader = BufReader::with_limit(limit.parse().unwrap(), script);
        let ours: Vec<String> = calls
            .split(' ')
            .map(|call| now(make(call, &mut reader)))
            .collect();
        assert_eq!(
            ours.join(" "),
            *results,
            "asyncio reads something else: {case}"
        );
        let mut left = Vec::new();
        now(reader.read_to_end(&mut left)).unwrap();
        assert_eq!(String::from_utf8(left).unwrap(), *rest, "{case}");
        cases += 1;
    }
    assert_eq!(cases, 300);
}

/// Makes one recorded call, and writes its result in the form of the record.
async fn make(call: &str, reader: &mut BufReader<Script>) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (name, argument) = call.split_once('=').unwrap_or((call, ""));
    let outcome = match name {
        "line" => {
            let mut line = String::new();
            reader.read_line(&mut line).await.map(|_| line)
        }
        "until" => reader.read_until(argument.as_bytes()).await.map(text),
        _ => {
            let mut buf = vec![0; argument.parse().unwrap()];
            reader.read_exact(&mut buf).await.map(|()| text(&buf))
        }
    };
    match outcome {
        Ok(text) => format!("ok:{text}"),
        Err(ReadError::Incomplete { partial, .. }) => format!("incomplete:{}", text(&partial)),
        Err(ReadError::LimitOverrun { consumed }) => format!("overrun:{consumed}"),
        Err(ReadError::LineTooLong { .. }) => "toolong:".to_owned(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_call_that_is_dropped_while_it_waits_has_taken_nothing() {
    let _watched = crate::support::watch();
    let pieces = |texts: &[&str]| {
        Script::new(
            texts
                .iter()
                .flat_map(|text| [Step::Bytes(text.as_bytes().into()), Step::Wait]),
        )
    };
    run(async {
        let mut reader = BufReader::new(pieces(&["on", "e\ntw", "o;;12", "345", "678"]));
        let mut line = String::new();
        give_up(reader.read_line(&mut line));
        assert_eq!((line.as_str(), reader.buffer()), ("", &b"on"[..]));
        assert_eq!(reader.read_line(&mut line).await.unwrap(), 4);
        give_up(reader.read_until(b";;"));
        assert_eq!(reader.buffer(), b"tw");
        assert_eq!(reader.read_until(b";;").await.unwrap(), b"two;;");
        let mut buf = [0; 8];
        give_up(reader.read_exact(&mut buf));
        assert_eq!(buf, [0; 8]);
        reader.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"12345678");
        assert_eq!(reader.read_line(&mut line).await.unwrap(), 0);
        assert_eq!(line, "one\n");
    });
}

#[test]
fn lines_raced_against_a_short_deadline_all_arrive() {
    let _watched = crate::support::watch();
    run(async {
        let steps = (0..500).flat_map(|n| {
            let text = format!("line {n}\r\n").into_bytes();
            let (front, back) = text.split_at(n % text.len());
            [
                Step::Bytes(front.to_vec()),
                Step::Wait,
                Step::Bytes(back.to_vec()),
                Step::Wait,
            ]
        });
        let steps = steps.filter(|step| !matches!(step, Step::Bytes(bytes) if bytes.is_empty()));
        let mut lines = BufReader::new(Script::new(steps)).lines();
        let (mut count, mut missed) = (0, 0);
        loop {
            select! {
                line = lines.next_line() => match line.unwrap() {
                    Some(line) => {
                        assert_eq!(line, format!("line {count}"));
                        count += 1;
                    }
                    None => break,
                },
                () = yield_now() => missed += 1,
            }
        }
        assert_eq!(count, 500);
        assert!(missed > 100, "the race was lost only {missed} times");
    });
}

#[test]
fn a_peer_that_never_ends_its_line_fills_no_more_than_twice_the_limit() {
    let _watched = crate::support::watch();
    let script = Script::new((0..1_000).map(|_| Step::Bytes(vec![b'x'; 10_000])));
    let largest = Rc::clone(&script.largest);
    let mut reader = BufReader::new(script);
    let mut dropped_in_all = 0;
    loop {
        match now(reader.read_line(&mut String::new())) {
            Err(ReadError::LineTooLong { dropped }) => dropped_in_all += dropped,
            Ok(rest) => {
                assert_eq!(dropped_in_all + rest, 10_000_000);
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(largest.get() <= 2 * DEFAULT_LIMIT);
    assert!(now(reader.read_until(b"\n")).is_err());
}

#[test]
fn an_exact_count_may_be_larger_than_the_limit_and_the_memory_is_given_back() {
    let _watched = crate::support::watch();
    let script = Script::new([
        Step::Bytes(vec![7; 100_000]),
        Step::Bytes(b"rest".to_vec()),
        Step::Bytes(vec![1; 100]),
    ]);
    let largest = Rc::clone(&script.largest);
    let mut reader = BufReader::with_limit(10, script);
    let mut buf = vec![0; 100_000];
    now(reader.read_exact(&mut buf)).unwrap();
    assert!(buf.iter().all(|byte| *byte == 7));
    assert_eq!(now(reader.fill_buf()).unwrap(), b"rest");
    reader.consume(4);
    largest.set(0);
    now(reader.fill_buf()).unwrap();
    assert_eq!(largest.get(), 20);
}

#[test]
fn an_error_of_the_stream_keeps_what_came_before() {
    let _watched = crate::support::watch();
    let mut reader = BufReader::new(Script::new([
        Step::Bytes(b"half a ".to_vec()),
        Step::Fail(ErrorKind::ConnectionReset),
        Step::Bytes(b"line\n".to_vec()),
    ]));
    let mut line = String::new();
    let error = now(reader.read_line(&mut line)).unwrap_err();
    assert_eq!(io::Error::from(error).kind(), ErrorKind::ConnectionReset);
    assert_eq!(now(reader.read_line(&mut line)).unwrap(), 12);
    assert_eq!(line, "half a line\n");
}

#[test]
fn a_line_that_is_not_utf8_is_in_the_error_and_the_next_one_comes() {
    let _watched = crate::support::watch();
    let mut lines = BufReader::new(&b"good\nb\xFFd\nbetter"[..]).lines();
    assert_eq!(now(lines.next_line()).unwrap().as_deref(), Some("good"));
    let Err(ReadError::NotUtf8(error)) = now(lines.next_line()) else {
        panic!("the line is not UTF-8, but there is no error")
    };
    assert_eq!(error.as_bytes(), b"b\xFFd\n");
    assert_eq!(now(lines.next_line()).unwrap().as_deref(), Some("better"));
    assert_eq!(now(lines.next_line()).unwrap(), None);
}

#[test]
fn errors_say_what_happened_and_turn_into_io_errors() {
    let _watched = crate::support::watch();
    let told = |error: ReadError| {
        let text = error.to_string();
        let error = io::Error::from(error);
        assert_eq!(error.to_string(), text);
        (error.kind(), text)
    };
    let (kind, text) = told(now(BufReader::new(&b"abc"[..]).read_exact(&mut [0; 5])).unwrap_err());
    assert_eq!(
        (kind, text.as_str()),
        (
            ErrorKind::UnexpectedEof,
            "the stream ended after 3 of 5 bytes"
        )
    );
    let (kind, text) = told(
        now(BufReader::with_limit(1, &b"abc\n"[..]).read_line(&mut String::new())).unwrap_err(),
    );
    assert_eq!(kind, ErrorKind::InvalidData);
    assert!(text.contains("longer than the limit"), "{text}");
}

#[test]
fn a_reader_gives_first_its_buffer_and_then_its_stream() {
    let _watched = crate::support::watch();
    let mut reader = BufReader::new(Script::pieces(["one\ntwo", "three"]));
    let mut line = String::new();
    now(reader.read_line(&mut line)).unwrap();
    let mut buf = [0; 2];
    assert_eq!(now(reader.read(&mut buf)).unwrap(), 2);
    assert_eq!(&buf, b"tw");
    let (mut script, rest) = reader.into_parts();
    assert_eq!(rest, b"o");
    let mut all = [0; 10];
    assert_eq!(now(script.read(&mut all)).unwrap(), 5);
}

// Writing.

/// Takes `at_a_time` bytes in each write, waits before each write, and counts the calls.
#[derive(Default)]
struct Slow {
    taken: Rc<RefCell<Vec<u8>>>,
    at_a_time: usize,
    calls: usize,
    closed: bool,
}

impl Write for Slow {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        yield_now().await;
        let count = buf.len().min(self.at_a_time);
        self.taken.borrow_mut().extend_from_slice(&buf[..count]);
        Ok(count)
    }

    async fn close(&mut self) -> io::Result<()> {
        self.closed = true;
        Ok(())
    }
}

#[test]
fn many_small_pieces_are_one_write() {
    let _watched = crate::support::watch();
    run(async {
        let mut writer = BufWriter::with_capacity(
            100,
            Slow {
                at_a_time: 1_000,
                ..Slow::default()
            },
        );
        for _ in 0..10 {
            writer.write_all(b"0123456789").await.unwrap();
        }
        assert_eq!((writer.get_ref().calls, writer.buffer().len()), (0, 100));
        writer.write_all(b"more").await.unwrap();
        assert_eq!((writer.get_ref().calls, writer.buffer()), (1, &b"more"[..]));
        writer.close().await.unwrap();
        assert_eq!((writer.get_ref().calls, writer.get_ref().closed), (2, true));
        assert_eq!(writer.get_ref().taken.borrow().len(), 104);
    });
}

#[test]
fn a_piece_is_taken_whole_or_not_at_all_and_a_flush_goes_on_where_it_stopped() {
    let _watched = crate::support::watch();
    run(async {
        let mut writer = BufWriter::with_capacity(
            8,
            Slow {
                at_a_time: 3,
                ..Slow::default()
            },
        );
        let taken = Rc::clone(&writer.get_ref().taken);
        writer.write_all(b"abcdefgh").await.unwrap();
        give_up(writer.write_all(b"NOT"));
        let mut stopped = 0;
        loop {
            select! {
                biased;
                done = writer.flush() => break done.unwrap(),
                () = async { yield_now().await } => stopped += 1,
            }
            if stopped == 3 {
                writer.flush().await.unwrap();
                break;
            }
        }
        writer.write_all(b"much more than it holds").await.unwrap();
        assert_eq!(writer.buffer().len(), 23);
        writer.flush().await.unwrap();
        assert_eq!(*taken.borrow(), b"abcdefghmuch more than it holds");
        assert_eq!(writer.into_parts().1, b"");
    });
}

#[test]
fn a_writer_that_takes_nothing_is_an_error_and_nothing_is_forgotten() {
    let _watched = crate::support::watch();
    run(async {
        let mut writer = BufWriter::new(Slow::default());
        writer.write_all(b"kept").await.unwrap();
        assert_eq!(
            writer.flush().await.unwrap_err().kind(),
            ErrorKind::WriteZero
        );
        assert_eq!(writer.buffer(), b"kept");
    });
}

#[test]
fn a_copy_passes_on_everything_and_flushes() {
    let _watched = crate::support::watch();
    run(async {
        let pieces: Vec<Vec<u8>> = (0..50).map(|n| vec![n as u8; 1 + n * 997]).collect();
        let steps = pieces
            .iter()
            .flat_map(|piece| [Step::Bytes(piece.clone()), Step::Wait]);
        let mut writer = BufWriter::new(Slow {
            at_a_time: 4_000,
            ..Slow::default()
        });
        let count = copy(&mut Script::new(steps), &mut writer).await.unwrap();
        assert_eq!(count, pieces.concat().len() as u64);
        assert!(*writer.get_ref().taken.borrow() == pieces.concat());
    });
}

// Reading and writing in one stream.

/// A stream in both directions that follows a script, and records its reads and writes.
struct Desk {
    script: Script,
    out: Slow,
    told: Rc<RefCell<Vec<String>>>,
}

impl Desk {
    fn new(steps: impl IntoIterator<Item = Step>) -> Desk {
        let out = Slow {
            at_a_time: 1_000,
            ..Slow::default()
        };
        Desk {
            script: Script::new(steps),
            out,
            told: Rc::default(),
        }
    }
}

impl Read for Desk {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.script.read(buf).await?;
        self.told.borrow_mut().push(format!("read {count}"));
        Ok(count)
    }
}

impl Write for Desk {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let count = self.out.write(buf).await?;
        self.told.borrow_mut().push(format!("wrote {count}"));
        Ok(count)
    }

    async fn close(&mut self) -> io::Result<()> {
        self.out.close().await
    }
}

/// Answers each request of four bytes by itself, until the stream ends.
async fn answer(desk: &mut BufReader<BufWriter<Desk>>) -> Result<(), ReadError> {
    loop {
        let mut request = [0; 4];
        desk.read_exact(&mut request).await?;
        desk.write_all(&request.map(|byte| byte.to_ascii_uppercase()))
            .await?;
    }
}

#[test]
fn requests_that_come_together_are_answered_together_and_each_read_answers_those_before() {
    let _watched = crate::support::watch();
    let requests = ["aaaabbbbcc", "ccdddd", "eeee"].map(|piece| Step::Bytes(piece.into()));
    let mut desk = BufReader::new(BufWriter::new(Desk::new(requests)));
    let ended = run(answer(&mut desk)).unwrap_err();
    assert!(matches!(ended, ReadError::Incomplete { partial, .. } if partial.is_empty()));
    let desk = desk.get_ref().get_ref();
    assert_eq!(*desk.out.taken.borrow(), b"AAAABBBBCCCCDDDDEEEE");
    let told = desk.told.borrow().join(", ");
    assert_eq!(
        told,
        "read 10, wrote 8, read 6, wrote 8, read 4, wrote 4, read 0"
    );
}

#[test]
fn an_answer_goes_out_before_the_next_request_is_waited_for() {
    let _watched = crate::support::watch();
    let never = [Step::Bytes("aaaa".into()), Step::Wait, Step::Wait];
    let mut desk = BufReader::new(BufWriter::new(Desk::new(never)));
    let taken = Rc::clone(&desk.get_ref().get_ref().out.taken);
    run(async {
        let answered = async {
            while taken.borrow().is_empty() {
                yield_now().await;
            }
        };
        select! {
            biased;
            () = answered => {}
            _ = answer(&mut desk) => {
                panic!("the answer was held back while the desk waited for the next request")
            }
        }
    });
    assert_eq!(*taken.borrow(), b"AAAA");
}

#[test]
fn a_read_that_is_dropped_while_it_answers_or_waits_loses_and_doubles_nothing() {
    let _watched = crate::support::watch();
    let steps = ["aaaabb", "bb", "cccc"]
        .into_iter()
        .flat_map(|piece| [Step::Wait, Step::Bytes(piece.into())]);
    let mut desk = BufReader::new(BufWriter::new(Desk::new(steps)));
    let mut stopped = 0;
    let ended = run(async {
        loop {
            let mut request = [0; 4];
            match poll_at_most(1 + stopped % 3, desk.read_exact(&mut request)).await {
                None => stopped += 1,
                Some(Ok(())) => desk.write_all(&request).await.unwrap(),
                Some(Err(ended)) => break ended,
            }
        }
    });
    assert!(matches!(ended, ReadError::Incomplete { .. }));
    assert_eq!(
        stopped, 2,
        "the read was dropped once while it waited, and once while it answered"
    );
    assert_eq!(
        *desk.get_ref().get_ref().out.taken.borrow(),
        b"aaaabbbbcccc"
    );
}

#[test]
fn an_answer_that_cannot_be_sent_is_an_error_of_the_next_read_and_is_kept() {
    let _watched = crate::support::watch();
    let requests = ["aaaa", "bbbb"].map(|piece| Step::Bytes(piece.into()));
    let mut desk = BufReader::new(BufWriter::new(Desk::new(requests)));
    desk.get_mut().get_mut().out.at_a_time = 0;
    let error = run(answer(&mut desk)).unwrap_err();
    assert!(matches!(error, ReadError::Io(error) if error.kind() == ErrorKind::WriteZero));
    assert_eq!(desk.get_ref().buffer(), b"AAAA");
    assert_eq!(
        *desk.get_ref().get_ref().told.borrow(),
        ["read 4", "wrote 0"]
    );
}

#[test]
fn more_is_read_behind_what_is_there_up_to_twice_the_limit() {
    let _watched = crate::support::watch();
    run(async {
        let (near, far) = pair().unwrap();
        let mut reader = BufReader::with_limit(8, near);
        far.write_all(b"12345").await.unwrap();
        assert_eq!(reader.fill_more().await.unwrap(), 5);
        // A call that is dropped while it waits loses nothing.
        assert!(now_or_never(reader.fill_more()).is_none());
        far.write_all(b"6789abcdefghijk").await.unwrap();
        while reader.buffer().len() < 16 {
            reader.fill_more().await.unwrap();
        }
        assert_eq!(reader.buffer(), b"123456789abcdefg");
        assert!(matches!(
            reader.fill_more().await,
            Err(ReadError::LimitOverrun { consumed: 0 })
        ));
        reader.consume(10);
        assert_eq!(reader.fill_more().await.unwrap(), 4);
        assert_eq!(reader.buffer(), b"bcdefghijk");
        drop(far);
        assert_eq!(reader.fill_more().await.unwrap(), 0);
    });
}
