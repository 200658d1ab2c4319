//! A bounded cache: of opened keys, of unpacked bundles.

use std::collections::HashMap;
use std::hash::Hash;

/// Holds between `half` and `2 * half` values: what was used lately is in `young`; when that is full it becomes `old`,
/// and what was old and unused is dropped (keys overwrite themselves when dropped).
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    half: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    pub(crate) fn new(half: usize) -> Self {
        Cache { half, young: HashMap::new(), old: HashMap::new() }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let value = self.old.remove(key)?;
        self.put(key.clone(), value.clone());
        Some(value)
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_bounded_and_keeps_what_is_used() {
        let mut cache = Cache::new(10);
        for turn in 0..1000 {
            cache.put(turn, turn);
            assert!(cache.young.len() + cache.old.len() <= 20);
            assert_eq!(cache.get(&0), Some(0), "turn {turn}");
        }
        assert_eq!(cache.get(&999), Some(999));
        assert_eq!(cache.get(&500), None);
        cache.remove(&999);
        assert_eq!(cache.get(&999), None);
    }
}
