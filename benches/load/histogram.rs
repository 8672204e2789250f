//! How long things took: counts in buckets, 128 to each power of two, so that
//! a quantile is right to 0.8 %.

const SUB_BITS: u32 = 7;
const SUB: usize = 1 << SUB_BITS;

pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    largest: u64,
}

impl Histogram {
    pub fn new() -> Histogram {
        Histogram { counts: vec![0; SUB * (64 - SUB_BITS as usize + 1)], total: 0, largest: 0 }
    }

    #[inline(always)]
    pub fn add(&mut self, nanoseconds: u64) {
        self.counts[bucket(nanoseconds)] += 1;
        self.total += 1;
        self.largest = self.largest.max(nanoseconds);
    }

    pub fn clear(&mut self) {
        self.counts.fill(0);
        (self.total, self.largest) = (0, 0);
    }

    /// The value below which `share` of all lie.
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        at.map_or(0, |at| middle(at).min(self.largest))
    }

    /// As members of a JSON object.
    pub fn figures(&self) -> String {
        let us = |share| self.quantile(share) as f64 / 1e3;
        format!(
            "\"p50_us\":{:.1},\"p99_us\":{:.1},\"p999_us\":{:.1},\"max_us\":{:.1}",
            us(0.5),
            us(0.99),
            us(0.999),
            self.largest as f64 / 1e3
        )
    }
}

#[inline(always)]
fn bucket(value: u64) -> usize {
    if value < SUB as u64 {
        return value as usize;
    }
    let power = value.ilog2();
    let sub = (value >> (power - SUB_BITS)) as usize & (SUB - 1);
    (power - SUB_BITS + 1) as usize * SUB + sub
}

fn middle(bucket: usize) -> u64 {
    if bucket < SUB {
        return bucket as u64;
    }
    let power = (bucket / SUB) as u32 + SUB_BITS - 1;
    let width = 1u64 << (power - SUB_BITS);
    (1u64 << power) + (bucket % SUB) as u64 * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_hundredth() {
        let mut histogram = Histogram::new();
        (1..=100_000).for_each(|value| histogram.add(value));
        for (share, wanted) in [(0.5, 50_000.0), (0.99, 99_000.0), (0.999, 99_900.0)] {
            let found = histogram.quantile(share) as f64;
            assert!((found - wanted).abs() / wanted < 0.01, "{share}: {found}");
        }
        histogram.clear();
        assert_eq!(histogram.quantile(0.5), 0);
        histogram.add(5);
        assert_eq!(histogram.quantile(0.5), 5);
        assert_eq!(bucket(u64::MAX), histogram.counts.len() - 1);
    }
}
