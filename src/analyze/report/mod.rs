//! What an analysis is made known as.

pub mod html;
