//! What the programs share: their arguments, their end, and a database on a thread of its own.

pub mod database;

use std::error::Error;
use std::io;

use roundelay::offload;

/// The result that every program returns.
pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The value of each `--name value` of the command line, in the order of `names`; `None` where it is not given.
pub fn options<const N: usize>(names: [&str; N]) -> Outcome<[Option<String>; N]> {
    let mut values = [const { None }; N];
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        let place = match &argument {
            lexopt::Arg::Long(name) => names.iter().position(|known| known == name),
            _ => None,
        };
        let Some(place) = place else {
            return Err(argument.unexpected().into());
        };
        values[place] = Some(arguments.value()?.into_string().map_err(|_| "not UTF-8")?);
    }
    Ok(values)
}

/// Waits until standard input ends (Ctrl-D), which is how the servers here are told to stop.
pub async fn end_of_input() {
    // Standard input blocks, so it is read on another thread. An error of a read counts as its end.
    let _ended = offload(|| io::copy(&mut io::stdin(), &mut io::sink())).await;
}
