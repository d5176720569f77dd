//! Makes the dictionary that the store packs values with (`daemon/store/src/pack.rs`), from invented calendar objects
//! in the words of the programs that write most of them.
//!
//! ```text
//! cargo run --release -p almanac-dictionary -- FILE     writes a dictionary
//! ```
//! A dictionary that was released is never written over: values packed with it need it for ever. A better one gets a
//! file and a number of its own.

mod corpus;
mod zones;

use std::io::{self, Write};
use std::process::ExitCode;

/// The size of the dictionary: larger ones gained less than 2 % on objects that were not trained on.
const BYTES: usize = 16 << 10;
/// Objects that it learns from.
const OBJECTS: u32 = 6_000;

fn main() -> ExitCode {
    let result = match std::env::args_os().nth(1) {
        Some(file) => dictionary().and_then(|bytes| std::fs::write(file, bytes)),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "name the file to write")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "almanac-dictionary: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dictionary() -> io::Result<Vec<u8>> {
    let samples: Vec<Vec<u8>> = (0..OBJECTS).flat_map(corpus::records).collect();
    zstd::dict::from_samples(&samples, BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_invented_object_is_a_calendar_object() {
        for n in 0..1_000 {
            let body = corpus::object(n);
            let parsed =
                almanac_ical::CalendarObject::parse(body.as_bytes(), &almanac_ical::Limits::default());
            assert!(parsed.is_ok(), "{n}: {:?}\n{body}", parsed.err());
        }
    }

    #[test]
    fn objects_that_were_not_learned_from_pack_to_less_than_a_third() {
        let trained = include_bytes!("../../../daemon/store/src/pack.dictionary");
        let mut packer = zstd::bulk::Compressor::with_dictionary(3, trained).unwrap();
        let (mut plain, mut packed) = (0, 0);
        for n in OBJECTS..OBJECTS + 500 {
            for record in corpus::records(n) {
                plain += record.len();
                packed += packer.compress(&record).unwrap().len();
            }
        }
        assert!(packed * 3 < plain, "{packed} of {plain} bytes");
    }
}
