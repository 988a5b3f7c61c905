//! What several are known to have in common.

use std::borrow::Borrow;

/// What some are known to have, as long as they do not differ; of the others it is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Common<T> {
    #[default]
    None,
    One(T),
    Mixed,
}

impl<T: Clone + PartialEq> Common<T> {
    /// Takes what one of them has, if that is known.
    pub(super) fn learn<Q>(&mut self, value: Option<&Q>)
    where
        T: Borrow<Q>,
        Q: ?Sized + PartialEq + ToOwned<Owned = T>,
    {
        match (&*self, value) {
            (Self::None, Some(value)) => *self = Self::One(value.to_owned()),
            (Self::One(known), Some(value)) if known.borrow() != value => *self = Self::Mixed,
            _ => {}
        }
    }

    /// Takes what others have.
    pub(super) fn merge(&mut self, other: &Self) {
        match (&*self, other) {
            (_, Self::None) => {}
            (Self::None, _) => self.clone_from(other),
            (mine, other) if mine == other => {}
            _ => *self = Self::Mixed,
        }
    }

    /// What all have whose it is known.
    pub(super) fn get(&self) -> Option<&T> {
        if let Self::One(value) = self { Some(value) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[Option<&str>]) -> Common<String> {
        let mut common = Common::default();
        for value in values {
            common.learn(*value);
        }
        common
    }

    #[test]
    fn what_is_not_known_of_some_is_still_common_to_the_others() {
        assert_eq!(of(&[None, Some("a"), None, Some("a")]).get().unwrap(), "a");
        assert_eq!(of(&[None]).get(), None);
    }

    #[test]
    fn two_that_differ_have_nothing_in_common_whatever_follows() {
        assert_eq!(of(&[Some("a"), Some("b"), Some("a")]), Common::Mixed);
    }

    #[test]
    fn merging_is_learning_all_at_once() {
        let some: [&[Option<&str>]; 4] = [&[], &[Some("a")], &[Some("b")], &[Some("a"), Some("b")]];
        for left in some {
            for right in some {
                let mut merged = of(left);
                merged.merge(&of(right));
                assert_eq!(merged, of(&[left, right].concat()), "{left:?} {right:?}");
            }
        }
    }
}
