//! Maps of shards as they cross the wire: any bytes decode or fail, and a map that decodes is encoded the same.
#![no_main]
use hashring::ShardMap;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(map) = ShardMap::decode(input) {
        let again = ShardMap::decode(&map.encode()).expect("decode what was encoded");
        assert_eq!(map.encode(), again.encode());
    }
});
