//! Operands: fields and functions with their slices, and the values they are compared with.

use std::ops::Range;

use super::error::Problem;
use super::eval::{Case, Operand};
use super::fields::{self, FieldType};
use super::lexer::TokenKind;
use super::literal::{Literal, LiteralKind};
use super::parser::{Parsed, Parser, too_deep};
use super::slice::Slice;
use super::{MAX_DEPTH, suggest};

/// An operand with what the checks need to know about it.
pub(super) struct Typed {
    pub(super) operand: Operand,
    pub(super) field_type: FieldType,
    pub(super) span: Range<usize>,
    pub(super) origin: Origin,
    /// Functions and slices on top of each other.
    pub(super) height: usize,
}

/// One side of a comparison.
pub(super) enum Side<'t> {
    Operand(Typed),
    Literal(Literal<'t>),
}

/// Where an operand's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Field,
    /// A function's result has no presence of its own.
    Function,
}

impl<'t> Parser<'t> {
    /// A field, a function or a value, with the slices behind it.
    pub(super) fn value(&mut self) -> Parsed<Side<'t>> {
        let token = match self.next.kind {
            TokenKind::Word | TokenKind::Text(_) | TokenKind::Char(_) => self.advance()?,
            _ => return Err(self.value_missing()),
        };
        let kind = match token.kind {
            TokenKind::Text(text) => LiteralKind::Text(text),
            TokenKind::Char(byte) => LiteralKind::Char(byte),
            _ => {
                let word = self.spelled(&token.span);
                if self.next.kind == TokenKind::ParenOpen {
                    let function = self.deeper(|parser| parser.function(word, token.span))?;
                    return self.slices(function).map(Side::Operand);
                }
                if let Some(field) = fields::find(word) {
                    let (operand, span) = (Operand::Field(field.key), token.span);
                    let field = Typed { operand, field_type: field.field_type, span, origin: Origin::Field, height: 0 };
                    return self.slices(field).map(Side::Operand);
                }
                if word.starts_with("arq.") || self.next.kind == TokenKind::Slice {
                    return Err(Problem::new(token.span, format!("unknown field `{word}`"), suggest::for_field(word)));
                }
                LiteralKind::Word(word)
            }
        };
        Ok(Side::Literal(Literal { kind, span: token.span }))
    }

    fn slices(&mut self, mut whole: Typed) -> Parsed<Typed> {
        while self.next.kind == TokenKind::Slice {
            if !is_bytes(whole.field_type) {
                let spelled = self.spelled(&whole.span);
                return Err(Problem::new(
                    self.next.span.clone(),
                    format!("`{spelled}` is {} and has no slices", whole.field_type.phrase()),
                    "slices are for text and bytes: arq.payload[0:4]",
                ));
            }
            let token = self.advance()?;
            let inside = self.spelled(&(token.span.start + 1..token.span.end - 1));
            let slice = Slice::parse(inside, token.span.clone())?;
            whole = Typed {
                operand: Operand::Slice(Box::new(whole.operand), slice),
                field_type: FieldType::Bytes,
                span: whole.span.start..token.span.end,
                origin: whole.origin,
                height: higher(whole.height, &token.span)?,
            };
        }
        Ok(whole)
    }

    fn function(&mut self, name: &str, span: Range<usize>) -> Parsed<Typed> {
        if !matches!(name, "len" | "upper" | "lower") {
            let (message, help) = match fields::find(name) {
                Some(_) => (format!("`{name}` is a field, not a function"), "join tests with `and` or `or`"),
                None => (format!("unknown function `{name}`"), "the functions are len, upper and lower"),
            };
            return Err(Problem::new(span, message, help));
        }
        let open = self.advance()?;
        if self.next.kind == TokenKind::ParenClose {
            return Err(Problem::new(
                self.next.span.clone(),
                format!("{name}() takes a field"),
                format!("for example {name}(arq.payload)"),
            ));
        }
        let argument = match self.value() {
            Ok(Side::Operand(argument)) if is_bytes(argument.field_type) => argument,
            Ok(Side::Operand(argument)) => {
                let phrase = argument.field_type.phrase();
                let message = format!("{name}() takes text or bytes; `{}` is {phrase}", self.spelled(&argument.span));
                return Err(Problem::new(argument.span, message, format!("for example {name}(arq.payload)")));
            }
            Ok(Side::Literal(literal)) => {
                let word = self.spelled(&literal.span);
                return Err(Problem::new(
                    literal.span,
                    format!("{name}() takes a field"),
                    match literal.kind {
                        LiteralKind::Word(_) => suggest::for_field(word),
                        _ => format!("for example {name}(arq.payload)"),
                    },
                ));
            }
            Err(problem) => return Err(problem),
        };
        let close = match self.next.kind {
            TokenKind::ParenClose => self.advance()?,
            TokenKind::End => {
                return Err(Problem::new(
                    open.span,
                    "this `(` is never closed",
                    format!("write {name}(…) with `)` at its end"),
                ));
            }
            _ => {
                return Err(Problem::new(
                    self.next.span.clone(),
                    format!("{name}() takes one field and nothing else"),
                    format!("for example {name}(arq.payload)"),
                ));
            }
        };
        let span = span.start..close.span.end;
        let height = higher(argument.height, &span)?;
        let whole = Box::new(argument.operand);
        let case = match name {
            "upper" => Some(Case::Upper),
            "lower" => Some(Case::Lower),
            _ => None,
        };
        let (operand, field_type) = match case {
            Some(case) => {
                let buffer = self.buffers;
                self.buffers += 1;
                (Operand::Case(case, buffer, whole), fields::FREE_TEXT)
            }
            None => (Operand::Len(whole), fields::LENGTH),
        };
        Ok(Typed { operand, field_type, span, origin: Origin::Function, height })
    }
}

/// One level more; bounds the recursion over a compiled operand.
fn higher(height: usize, span: &Range<usize>) -> Parsed<usize> {
    if height == MAX_DEPTH { Err(too_deep(span.clone())) } else { Ok(height + 1) }
}

/// Whether values of this type are byte strings, which can be searched and sliced.
pub(super) const fn is_bytes(field_type: FieldType) -> bool {
    matches!(field_type, FieldType::Text { .. } | FieldType::Bytes)
}
