//! Generates the messages, clients and servers of `proto/*.proto`.
fn main() -> std::io::Result<()> {
    let files = [
        "common", "cluster", "ingester", "querier", "raft", "remote", "ruler",
    ];
    let paths = files.map(|name| format!("proto/{name}.proto"));
    tonic_prost_build::configure().compile_protos(&paths, &["proto".to_owned()])
}
