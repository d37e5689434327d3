// SPDX-License-Identifier: MIT
//! Three shapes that come again and again: numbers with names, configs and facts.

/// A number with names, as C has it: a later library may answer with one that has no name here.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident: $number:ty { $($(#[$doc:meta])* $code:ident = $raw:ident,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(
            /// The number in C.
            pub $number,
        );

        impl $name {
            $($(#[$doc])* pub const $code: $name = $name(bezdist_sys::$raw);)*
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match *self {
                    $($name::$code => f.write_str(concat!(stringify!($name), "::", stringify!($code))),)*
                    $name(other) => write!(f, "{}({})", stringify!($name), other),
                }
            }
        }

        impl $crate::code::Field<$number> for $name {
            fn from_c(number: $number) -> $name {
                $name(number)
            }
            fn to_c(&self) -> $number {
                self.0
            }
        }
    };
}

/// A field of a config or of facts, there and back.
pub(crate) trait Field<C> {
    fn from_c(value: C) -> Self;
    fn to_c(&self) -> C;
}

macro_rules! plain_fields {
    ($($type:ty)*) => {
        $(impl Field<$type> for $type {
            fn from_c(value: $type) -> $type {
                value
            }
            fn to_c(&self) -> $type {
                *self
            }
        })*
    };
}
plain_fields!(i32 u32 i64 u64 f64 [f64; 2] [i64; 4]);

impl Field<i32> for bool {
    fn from_c(value: i32) -> bool {
        value != 0
    }
    fn to_c(&self) -> i32 {
        i32::from(*self)
    }
}

/// A config: plain numbers, whose defaults are the library's, and after `with` what C has as pointers.
macro_rules! config {
    (
        $(#[$meta:meta])* $name:ident = $raw:ident, $init:ident {
            $($(#[$doc:meta])* $field:ident: $type:ty,)*
        } with {
            $($(#[$more_doc:meta])* $more:ident: $more_type:ty,)*
        }
    ) => {
        $(#[$meta])*
        ///
        /// The defaults are the library's: set what differs, `..Default::default()` for the rest.
        #[derive(Clone, Debug)]
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
            $($(#[$more_doc])* pub $more: $more_type,)*
        }

        impl $name {
            fn defaults() -> bezdist_sys::$raw {
                // SAFETY: all zeros is a value of this struct of numbers, pointers and optional functions.
                let mut raw: bezdist_sys::$raw = unsafe { std::mem::zeroed() };
                // SAFETY: the pointer is good for the size that is given.
                let status = unsafe { bezdist_sys::$init(&mut raw, std::mem::size_of_val(&raw)) };
                assert_eq!(status, bezdist_sys::BZD_OK, "this library does not know the config");
                raw
            }

            /// The config of C, pointers left NULL.
            pub(crate) fn numbers(&self) -> bezdist_sys::$raw {
                let mut raw = Self::defaults();
                $(raw.$field = $crate::code::Field::to_c(&self.$field);)*
                raw
            }

            #[allow(dead_code)]
            pub(crate) fn set_numbers(&mut self, raw: &bezdist_sys::$raw) {
                $(self.$field = $crate::code::Field::from_c(raw.$field);)*
            }
        }

        impl Default for $name {
            fn default() -> $name {
                let raw = Self::defaults();
                $name {
                    $($field: $crate::code::Field::from_c(raw.$field),)*
                    $($more: Default::default(),)*
                }
            }
        }
    };
}

/// What the library tells about an object: a struct that it fills.
macro_rules! facts {
    ($(#[$meta:meta])* $name:ident = $raw:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl $name {
            /// Calls `fill` with a struct whose size is set.
            pub(crate) fn read(
                fill: impl FnOnce(*mut bezdist_sys::$raw) -> bezdist_sys::bzd_status,
            ) -> $crate::Result<$name> {
                // SAFETY: all zeros is a value of this struct of numbers.
                let mut raw: bezdist_sys::$raw = unsafe { std::mem::zeroed() };
                raw.struct_size = std::mem::size_of_val(&raw) as u32;
                $crate::error::check(fill(&mut raw))?;
                Ok($name { $($field: $crate::code::Field::from_c(raw.$field),)* })
            }
        }
    };
}

pub(crate) use {codes, config, facts};
