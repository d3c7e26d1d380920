//! RESP, the protocol of Redis, parsed in place: no byte is copied before a command is whole.

use std::ops::Range;

/// A command in the buffer: its length, and the ranges of its words.
pub(crate) type Command = (usize, Vec<Range<usize>>);

/// `*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n`, or a line of words. `None`: the command is not complete yet.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Command>, &'static str> {
    if bytes.first().is_some_and(|&first| first != b'*') {
        return Ok(line_end(bytes, 0).map(|end| (end + 2, words(&bytes[..end]))));
    }
    let Some((count, mut at)) = number(bytes, 0)? else {
        return Ok(None);
    };
    let mut words = Vec::with_capacity(count.min(16));
    for _ in 0..count {
        if bytes.get(at).is_some_and(|&sign| sign != b'$') {
            return Err("expected '$'");
        }
        let Some((length, begin)) = number(bytes, at)? else {
            return Ok(None);
        };
        words.push(begin..begin + length);
        at = begin + length + 2;
    }
    Ok((at <= bytes.len()).then_some((at, words)))
}

/// The end of the line that begins at `from`, without its `\r\n`.
fn line_end(bytes: &[u8], from: usize) -> Option<usize> {
    let end = bytes.get(from..)?.windows(2).position(|two| two == b"\r\n");
    Some(from + end?)
}

/// The number after the sign at `at`, and the beginning of the next line.
fn number(bytes: &[u8], at: usize) -> Result<Option<(usize, usize)>, &'static str> {
    const MOST: usize = 1 << 20; // a length from a stranger
    let Some(end) = line_end(bytes, at) else {
        return Ok(None);
    };
    let number = std::str::from_utf8(&bytes[at + 1..end]).ok();
    let number = number.and_then(|digits| digits.parse().ok());
    let number = number.filter(|&number| number <= MOST);
    Ok(Some((number.ok_or("invalid length")?, end + 2)))
}

/// A command as a person types it.
fn words(line: &[u8]) -> Vec<Range<usize>> {
    let words = line.split(|&byte| byte == b' ').map(|word| {
        let begin = word.as_ptr().addr() - line.as_ptr().addr();
        begin..begin + word.len()
    });
    words.filter(|word| !word.is_empty()).collect()
}

/// A word of an answer.
pub(crate) fn bulk(word: &[u8], out: &mut Vec<u8>) {
    out.extend(format!("${}\r\n", word.len()).bytes());
    out.extend(word);
    out.extend(b"\r\n");
}
