//! `sim SEED`: runs the cluster of one seed, and tells what was told in it.
//!
//! One run a process: tokio's tasks, among others, are numbered through a whole process, and the order in which those
//! of a crashed host are dropped depends on their numbers.
#![allow(clippy::print_stdout, reason = "what a program has to say")]

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let seed = env::args().nth(1).and_then(|seed| seed.parse().ok());
    let Some(seed) = seed else {
        println!("usage: sim SEED");
        return ExitCode::from(2);
    };
    let outcome = sim::run(seed);
    println!("seed {seed}: {}", outcome.faults.join(", "));
    for line in &outcome.lines {
        println!("{line}");
    }
    for wrong in &outcome.wrong {
        println!("wrong: {wrong}");
    }
    println!(
        "{} events, digest {:016x}",
        outcome.n_events, outcome.digest
    );
    ExitCode::from(u8::from(!outcome.wrong.is_empty()))
}
