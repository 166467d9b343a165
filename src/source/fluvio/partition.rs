//! To which partition does a key belong? To the one that the client's own producers choose.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// The partition, of `count` of them, that holds the records of a key.
///
/// Source: the partitioner of `fluvio` 0.50: SipHash-2-4 without a secret over the key's length and
/// the key, modulo the number of partitions.
pub fn of_key(key: &[u8], count: u32) -> u32 {
    let mut hasher = SipHasher24::new();
    hasher.write(&(key.len() as u64).to_le_bytes());
    hasher.write(key);
    u32::try_from(hasher.finish() % u64::from(count.max(1))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::hash::Hash;

    use fluvio::dataplane::record::RecordData;

    use super::*;

    #[test]
    fn keys_go_where_the_client_sends_them() {
        for number in 0..500 {
            let key = format!("customer-{number}");
            let mut hasher = SipHasher24::new();
            RecordData::from(key.as_str()).hash(&mut hasher);
            let want = u32::try_from(hasher.finish() % 16).unwrap();
            assert_eq!(of_key(key.as_bytes(), 16), want, "{key}");
        }
        assert_eq!(of_key(b"anything", 1), 0);
    }
}
