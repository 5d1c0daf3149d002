//! A file of OpenMetrics of any size as pages that fit into memory, cut between lines.
//!
//! Each page is whole in itself: it begins with the last `# TYPE` line before it, since that decides how labels of
//! buckets are read, and ends with `# EOF`, which only the last one has by itself.
use std::io::{self, Read};

/// About how large a page is.
const PAGE_BYTES: usize = 4 << 20;
/// A line that is longer is none.
const MAX_LINE_BYTES: usize = 64 << 20;
const EOF: &[u8] = b"# EOF";

/// The pages of `input`, in their order.
pub(super) struct Pages<R> {
    input: R,
    page_bytes: usize,
    /// The last `# TYPE` line, with its end.
    kind: Vec<u8>,
    /// What was read beyond the last page.
    rest: Vec<u8>,
    /// The input has ended, or `# EOF` was seen.
    ended: bool,
}

impl<R: Read> Pages<R> {
    pub(super) const fn new(input: R) -> Self {
        Self::of_size(input, PAGE_BYTES)
    }

    const fn of_size(input: R, page_bytes: usize) -> Self {
        Self {
            input,
            page_bytes,
            kind: Vec::new(),
            rest: Vec::new(),
            ended: false,
        }
    }

    /// Reads until there is a page with a whole line, or the input ends.
    fn fill(&mut self) -> io::Result<()> {
        let mut wanted = self.page_bytes;
        while !self.ended {
            if self.rest.len() >= wanted {
                if self.rest.contains(&b'\n') {
                    return Ok(());
                }
                if self.rest.len() > MAX_LINE_BYTES {
                    let why = format!("a line is longer than {MAX_LINE_BYTES} bytes");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                }
                wanted = 2 * self.rest.len();
            }
            let missing = wanted.saturating_sub(self.rest.len()) as u64;
            let n = self
                .input
                .by_ref()
                .take(missing)
                .read_to_end(&mut self.rest)?;
            self.ended = n == 0;
        }
        Ok(())
    }

    fn page(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.ended && self.rest.is_empty() {
            return Ok(None);
        }
        self.fill()?;
        let mut page = self.kind.clone();
        if self.ended {
            page.append(&mut self.rest);
            return Ok(Some(page));
        }
        let end = self.rest.iter().rposition(|byte| *byte == b'\n');
        let end = end.expect("there is a whole line") + 1;
        let lines = &self.rest[..end];
        let has_end = lines.split(|byte| *byte == b'\n').any(|line| line == EOF);
        if has_end {
            // Whatever comes behind is told by the parser; of a long tail its beginning is enough.
            self.ended = true;
            let mut more = [0];
            let n = self.input.read(&mut more)?;
            page.append(&mut self.rest);
            page.extend_from_slice(&more[..n]);
            return Ok(Some(page));
        }
        page.extend_from_slice(lines);
        page.extend_from_slice(EOF);
        page.push(b'\n');
        let mut backwards = lines.rsplit(|byte| *byte == b'\n');
        if let Some(kind) = backwards.find(|line| line.starts_with(b"# TYPE ")) {
            self.kind = [kind, b"\n"].concat();
        }
        self.rest.drain(..end);
        Ok(Some(page))
    }
}

impl<R: Read> Iterator for Pages<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.page().transpose()
    }
}

#[cfg(test)]
mod tests {
    use exposition::{Entry, Format, Parser};

    use super::*;

    /// The series that the pages of `text` have, and the first error.
    fn series(text: &str, page_bytes: usize) -> (Vec<String>, Option<String>) {
        let mut all = Vec::new();
        for page in Pages::of_size(text.as_bytes(), page_bytes) {
            for entry in Parser::new(&page.unwrap(), Format::OpenMetrics) {
                match entry {
                    Ok(Entry::Series(series)) => {
                        let labels = series.labels().unwrap();
                        all.push(format!("{labels} {} {:?}", series.value, series.timestamp));
                    }
                    Ok(_) => {}
                    Err(error) => return (all, Some(error.to_string())),
                }
            }
        }
        (all, None)
    }

    const TEXT: &str = "# TYPE a histogram\na_bucket{le=\"1\"} 1 1.5\na_bucket{le=\"2\"} 2 1.5\na_count 2 1.5\n\
                        # HELP b Of b.\n# TYPE b counter\nb_total 7 2\nb_total 8 3\n# EOF\n";

    #[test]
    fn pages_of_any_size_have_the_same_series() {
        let whole = series(TEXT, 1 << 20);
        assert_eq!(whole.0.len(), 5);
        assert_eq!(whole.1, None);
        for page_bytes in 1..TEXT.len() + 2 {
            assert_eq!(series(TEXT, page_bytes), whole, "{page_bytes}");
        }
    }

    #[test]
    fn a_file_without_an_end_or_with_more_behind_it_is_refused() {
        for page_bytes in [1, 10, 30, 1000] {
            let cut = TEXT.strip_suffix("# EOF\n").unwrap();
            assert!(series(cut, page_bytes).1.is_some(), "{page_bytes}");
            let more = format!("{TEXT}c 1 1\n");
            assert!(series(&more, page_bytes).1.is_some(), "{page_bytes}");
        }
    }
}
