//! What the servers for RESP have in common: the table, and the answers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

#[path = "../../../../../examples/19_redis_server/resp.rs"]
mod resp;

pub(super) use resp::parse;

#[derive(Clone, Default)]
pub struct Table(Rc<RefCell<HashMap<Vec<u8>, Vec<u8>>>>);

impl Table {
    /// Answers a command. `words` are the places of its words in `bytes`.
    pub fn answer(&self, bytes: &[u8], words: &[Range<usize>], out: &mut Vec<u8>) {
        let word = |index: usize| words.get(index).map_or(&b""[..], |at| &bytes[at.clone()]);
        match (word(0), words.len()) {
            (b"SET", 3) => {
                self.0
                    .borrow_mut()
                    .insert(word(1).to_vec(), word(2).to_vec());
                out.extend(b"+OK\r\n");
            }
            (b"GET", 2) => match self.0.borrow().get(word(1)) {
                Some(value) => resp::bulk(value, out),
                None => out.extend(b"$-1\r\n"),
            },
            _ => out.extend(b"-ERR unknown command\r\n"),
        }
    }
}
