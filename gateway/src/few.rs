//! A list that is nearly always empty or of one, and owns no memory then.

/// See the module. Order is not kept.
#[derive(Debug, Clone, Default)]
pub(crate) enum Few<T> {
    #[default]
    None,
    One(T),
    /// Two or more, or what is left of them.
    #[expect(
        clippy::box_collection,
        reason = "every subject has one of these, and nearly none is a crowd: 16 bytes instead of 24"
    )]
    Many(Box<Vec<T>>),
}

impl<T> Few<T> {
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::None => &mut [],
            Self::One(one) => std::slice::from_mut(one),
            Self::Many(many) => many,
        }
    }

    pub(crate) fn push(&mut self, item: T) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(item),
            Self::One(one) => Self::Many(Box::new(vec![one, item])),
            Self::Many(mut many) => {
                many.push(item);
                Self::Many(many)
            }
        };
    }

    /// Takes one out; the last one moves to its place. `None` if there is no such place.
    pub(crate) fn swap_remove(&mut self, index: usize) -> Option<T> {
        match self {
            Self::Many(many) if index < many.len() => {
                let taken = many.swap_remove(index);
                // A crowd that has gone gives its memory back.
                if many.len() < 2 {
                    *self = many.pop().map_or(Self::None, Self::One);
                }
                Some(taken)
            }
            Self::One(_) if index == 0 => match std::mem::take(self) {
                Self::One(one) => Some(one),
                Self::None | Self::Many(_) => None,
            },
            Self::None | Self::One(_) | Self::Many(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_alone_needs_less_room_than_a_vector() {
        assert_eq!(size_of::<Few<(u32, u32)>>(), 16);
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_vector_does(steps in prop::collection::vec(prop::option::of(0..6usize), 0..40)) {
            let (mut few, mut vector) = (Few::default(), Vec::new());
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    None => {
                        few.push(number);
                        vector.push(number);
                    }
                    Some(index) if index < vector.len() => {
                        prop_assert_eq!(few.swap_remove(index), Some(vector.swap_remove(index)));
                    }
                    Some(index) => prop_assert_eq!(few.swap_remove(index), None),
                }
                prop_assert_eq!(few.as_slice(), vector.as_slice());
                prop_assert_eq!(few.as_mut_slice(), vector.as_mut_slice());
            }
        }
    }
}
