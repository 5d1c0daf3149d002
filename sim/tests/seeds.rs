//! Clusters live through what their seeds decide.
use std::{
    env,
    process::{Child, Command, Stdio},
};

/// Runs by default; in the last a leader is back before the others have missed it.
const SEEDS: [u64; 3] = [1, 2, 9];
/// Runs at once.
const AT_ONCE: usize = 2;

/// Starts the run of `seed` in a process of its own, as a replay has it.
fn start(seed: u64) -> Child {
    Command::new(env!("CARGO_BIN_EXE_sim"))
        .arg(seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program was built with this test")
}

/// All that was told in the run of `seed`.
///
/// # Panics
/// If something in it is not as it must be.
fn told(seed: u64, run: Child) -> String {
    let ended = run.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(
        ended.status.success(),
        "PLEIADES_SIM_SEED={seed} replays this failure:\n{told}"
    );
    told
}

/// `PLEIADES_SIM_SEED=7` names one seed, `PLEIADES_SIM_SEEDS=100` the first hundred.
fn seeds() -> Vec<u64> {
    let number = |name: &str| {
        let text = env::var(name).ok()?;
        let number = text.parse();
        Some(number.unwrap_or_else(|_| panic!("{name}={text} is no number")))
    };
    match (number("PLEIADES_SIM_SEED"), number("PLEIADES_SIM_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, Some(n)) => (0..n).collect(),
        (None, None) => SEEDS.to_vec(),
    }
}

/// The first seed runs twice: both runs tell the same, segment by segment.
#[test]
fn no_slot_is_lost_or_doubled_and_a_seed_replays_its_run() {
    let mut twice = seeds();
    twice.insert(0, twice[0]);
    let mut first: Option<String> = None;
    for at_once in twice.chunks(AT_ONCE) {
        let runs: Vec<_> = at_once.iter().map(|seed| (*seed, start(*seed))).collect();
        for (seed, run) in runs {
            let told = told(seed, run);
            match &first {
                None => first = Some(told),
                Some(once) if seed == twice[0] => assert_same(seed, once, &told),
                Some(_) => {}
            }
        }
    }
}

/// Each line carries the digest of all that came before it: the first that differs tells where the runs part.
#[track_caller]
fn assert_same(seed: u64, once: &str, again: &str) {
    let differ = once.lines().zip(again.lines()).find(|(a, b)| a != b);
    assert_eq!(differ, None, "seed {seed} did not replay");
    assert_eq!(once, again, "seed {seed} did not replay");
}
