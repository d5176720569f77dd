#![allow(dead_code)]
//! x
mod limits;
mod map;
mod marks;
mod version;
mod wire;
