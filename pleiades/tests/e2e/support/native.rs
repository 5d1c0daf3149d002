//! A page with a native histogram, in the protobuf that Prometheus scrapes, written by hand.

pub(super) const CONTENT_TYPE: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// The page of a histogram `name` of `n` observations in the zero bucket, twice `n` in a negative and three and `n` in
/// positive ones.
pub(super) fn page(name: &str, n: u64) -> Vec<u8> {
    let mut histogram = Vec::new();
    number(&mut histogram, 1, 4 * n + 3);
    double(&mut histogram, 2, 0.25 * n as f64);
    number(&mut histogram, 5, zigzag(3));
    double(&mut histogram, 6, 0.001);
    number(&mut histogram, 7, n);
    bytes(&mut histogram, 9, &span(-1, 1));
    number(&mut histogram, 10, zigzag(2 * n as i64));
    bytes(&mut histogram, 12, &span(4, 1));
    bytes(&mut histogram, 12, &span(2, 1));
    number(&mut histogram, 13, zigzag(3));
    number(&mut histogram, 13, zigzag(n as i64 - 3));
    let mut metric = Vec::new();
    bytes(&mut metric, 7, &histogram);
    let mut family = Vec::new();
    bytes(&mut family, 1, name.as_bytes());
    // A histogram.
    number(&mut family, 3, 4);
    bytes(&mut family, 4, &metric);
    let mut page = Vec::new();
    varint(&mut page, family.len() as u64);
    page.extend(family);
    page
}

fn span(offset: i64, length: u64) -> Vec<u8> {
    let mut span = Vec::new();
    number(&mut span, 1, zigzag(offset));
    number(&mut span, 2, length);
    span
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn varint(dst: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        dst.push(n as u8 | 0x80);
        n >>= 7;
    }
    dst.push(n as u8);
}

fn number(dst: &mut Vec<u8>, field: u64, n: u64) {
    varint(dst, field << 3);
    varint(dst, n);
}

fn double(dst: &mut Vec<u8>, field: u64, n: f64) {
    varint(dst, field << 3 | 1);
    dst.extend(n.to_le_bytes());
}

fn bytes(dst: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(dst, field << 3 | 2);
    varint(dst, bytes.len() as u64);
    dst.extend(bytes);
}
