//! From tokens to a compiled filter, checking types on the way.
//!
//! ```text
//! any     = odd { ("or" | "||") odd }
//! odd     = all { ("xor" | "^^") all }
//! all     = not { ("and" | "&&") not }
//! not     = { "not" | "!" } ( "(" any ")" | test )
//! test    = operand [ relation value { relation value } | "contains" value | "matches" text
//!         | [ "not" ] "in" "{" range { "," range } "}" ]
//! range   = value [ ".." value ]
//! operand = ( field | function "(" operand ")" ) { slice }
//! value   = operand | word | text | character
//! ```

use std::borrow::Cow;
use std::ops::Range;

use super::error::Problem;
use super::eval::Node;
use super::lexer::{Lexer, Token, TokenKind};
use super::value::Scratch;
use super::{MAX_DEPTH, suggest};

pub(super) const OPERATORS: &str = "==, !=, >, <, >=, <=, contains, matches, in";

pub(super) type Parsed<T> = Result<T, Box<Problem>>;

/// A compiled filter and how many text buffers it needs.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) root: Node,
    pub(super) buffers: usize,
}

/// Compiles `text`.
pub(super) fn parse(text: &str, max_len: usize) -> Parsed<Compiled> {
    if text.len() > max_len {
        let at = text.floor_char_boundary(max_len);
        return Err(Problem::new(
            at..at,
            format!("the filter has {} bytes, at most {max_len} are read (--max-filter)", text.len()),
            "merge tests of one field: arq.pos in {1, 3..5}",
        ));
    }
    let mut lexer = Lexer::new(text);
    let next = lexer.next()?;
    let mut parser = Parser { text, lexer, next, depth: 0, buffers: Scratch::INFO + 1, patterns: 0 };
    if parser.next.kind == TokenKind::End {
        return Ok(Compiled { root: Node::Everything, buffers: parser.buffers });
    }
    let root = parser.any()?;
    match parser.next.kind {
        TokenKind::End => Ok(Compiled { root, buffers: parser.buffers }),
        _ => Err(parser.left_over()),
    }
}

/// Where the parser stands; every step of the grammar is a method.
pub(super) struct Parser<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    pub(super) next: Token,
    depth: usize,
    pub(super) buffers: usize,
    pub(super) patterns: usize,
}

impl<'t> Parser<'t> {
    pub(super) fn advance(&mut self) -> Parsed<Token> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    pub(super) fn spelled(&self, span: &Range<usize>) -> &'t str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// Runs `inner` one level deeper, which bounds the recursion here and over the compiled filter.
    pub(super) fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            return Err(too_deep(self.next.span.clone()));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn chain(
        &mut self,
        operator: &TokenKind,
        part: fn(&mut Self) -> Parsed<Node>,
        join: fn(Vec<Node>) -> Node,
    ) -> Parsed<Node> {
        let first = part(self)?;
        if self.next.kind != *operator {
            return Ok(first);
        }
        let mut nodes = vec![first];
        while self.next.kind == *operator {
            self.advance()?;
            nodes.push(part(self)?);
        }
        Ok(join(nodes))
    }

    fn any(&mut self) -> Parsed<Node> {
        self.chain(&TokenKind::Or, Self::odd, Node::Any)
    }

    fn odd(&mut self) -> Parsed<Node> {
        self.chain(&TokenKind::Xor, Self::all, Node::Odd)
    }

    fn all(&mut self) -> Parsed<Node> {
        self.chain(&TokenKind::And, Self::not, Node::All)
    }

    fn not(&mut self) -> Parsed<Node> {
        match self.next.kind {
            TokenKind::Not => {
                self.advance()?;
                let inner = self.deeper(Self::not)?;
                Ok(Node::Not(Box::new(inner)))
            }
            TokenKind::ParenOpen => {
                let open = self.advance()?;
                let inner = self.deeper(Self::any)?;
                match self.next.kind {
                    TokenKind::ParenClose => {
                        self.advance()?;
                        Ok(inner)
                    }
                    TokenKind::End => {
                        Err(Problem::new(open.span, "this `(` is never closed", "write `)` where the group ends"))
                    }
                    _ => Err(self.left_over()),
                }
            }
            _ => self.test(),
        }
    }

    pub(super) fn shown_next(&self) -> String {
        match self.next.kind {
            TokenKind::End => "end of the filter".to_owned(),
            _ => format!("`{}`", self.spelled(&self.next.span)),
        }
    }

    /// The refusal of a token that stands where a field or a value is wanted.
    pub(super) fn value_missing(&self) -> Box<Problem> {
        let span = self.next.span.clone();
        match self.next.kind {
            TokenKind::End => Problem::new(
                span,
                "the filter ends where a field or value is wanted",
                "complete the test, or leave out the last operator",
            ),
            TokenKind::BraceOpen => {
                Problem::new(span, "a set stands only after `in`", "write `field in {…}`; group tests with ( )")
            }
            _ => Problem::new(span, format!("unexpected {}", self.shown_next()), "a field or a value is wanted here"),
        }
    }

    /// The refusal of a token after a complete test.
    fn left_over(&self) -> Box<Problem> {
        let spelled = self.spelled(&self.next.span);
        let help: Cow<'static, str> = match self.next.kind {
            TokenKind::ParenClose => "there is no `(` for it: leave it out".into(),
            TokenKind::Word => match suggest::operator(spelled) {
                Some(help) => help.into(),
                None => format!("join tests with `and` or `or`; the other operators are {OPERATORS}").into(),
            },
            TokenKind::DotDot => "ranges stand in a set: arq.pos in {1..3}".into(),
            TokenKind::Comma => {
                "join tests with `and` or `or`; several values stand in a set: arq.pos in {1, 3}".into()
            }
            TokenKind::Slice => "a slice follows a field: arq.payload[0:4]".into(),
            TokenKind::Relation(_) | TokenKind::Contains | TokenKind::Matches | TokenKind::In => {
                "one test has one operator: join tests with `and` or `or`".into()
            }
            _ => "join tests with `and` or `or`".into(),
        };
        Problem::new(self.next.span.clone(), format!("unexpected {} after a complete test", self.shown_next()), help)
    }
}

/// The refusal of nesting that recursion would pay for with the stack.
pub(super) fn too_deep(span: Range<usize>) -> Box<Problem> {
    Problem::new(
        span,
        format!("nested deeper than {MAX_DEPTH} levels"),
        "leave out parentheses and `!` that cancel each other",
    )
}
