//! A single test: a field's presence, comparisons, `contains`, `matches` and `in`.

use std::ops::Range;

use memchr::memmem::Finder;

use super::error::Problem;
use super::eval::{Needle, Node, Operand, Relation};
use super::fields::{FieldType, Others};
use super::lexer::{Token, TokenKind};
use super::literal::{Literal, LiteralKind};
use super::operand::{Origin, Side, Typed, is_bytes};
use super::parser::{OPERATORS, Parsed, Parser};
use super::value::{Constant, ValueSet};
use super::{pattern, suggest};

/// Regular expressions in one filter; each may take [`pattern::REGEX_SIZE`] and as much again for its cache.
const MAX_PATTERNS: usize = 64;

impl<'t> Parser<'t> {
    /// A single test, or a chain of comparisons `a == b == c`.
    pub(super) fn test(&mut self) -> Parsed<Node> {
        let mut left = match self.value()? {
            Side::Operand(left) => left,
            Side::Literal(literal) => return Err(self.literal_on_the_left(&literal)),
        };
        let mut comparisons = Vec::new();
        loop {
            match self.next.kind {
                TokenKind::Relation(relation) => {
                    self.advance()?;
                    let right = self.value()?;
                    let chained = matches!(self.next.kind, TokenKind::Relation(_));
                    match right {
                        Side::Literal(literal) if chained => return Err(between(literal.span)),
                        Side::Literal(literal) => {
                            comparisons.push(self.compare_with_literal(left, relation, &literal)?);
                            break;
                        }
                        Side::Operand(right) => {
                            self.check_comparable(&left, &right)?;
                            // The right side is read twice in a chain; only a field costs nothing to read.
                            if chained && !matches!(right.operand, Operand::Field(_)) {
                                return Err(between(right.span));
                            }
                            let again = match right.operand {
                                Operand::Field(key) if chained => Some(Operand::Field(key)),
                                _ => None,
                            };
                            comparisons.push(Node::Compare(left.operand, relation, right.operand));
                            match again {
                                Some(operand) => left = Typed { operand, ..right },
                                None => break,
                            }
                        }
                    }
                }
                TokenKind::Contains => {
                    let operator = self.advance()?;
                    self.check_searchable(&left, "contains")?;
                    return self.contains(left, &operator);
                }
                TokenKind::Matches => {
                    self.advance()?;
                    self.check_searchable(&left, "matches")?;
                    return self.matches(left);
                }
                TokenKind::In => {
                    self.advance()?;
                    return Ok(Node::In(left.operand, self.set(left.field_type, self.spelled(&left.span))?));
                }
                TokenKind::Not => {
                    self.advance()?;
                    if self.next.kind != TokenKind::In {
                        return Err(Problem::new(
                            self.next.span.clone(),
                            "`in` is wanted after `not`",
                            "write `not in {…}`, or begin a test with `not` and join it with `and` or `or`",
                        ));
                    }
                    self.advance()?;
                    let set = self.set(left.field_type, self.spelled(&left.span))?;
                    return Ok(Node::Not(Box::new(Node::In(left.operand, set))));
                }
                _ if left.origin == Origin::Function => {
                    return Err(Problem::new(
                        left.span,
                        "a function's result is no test",
                        format!("compare it: {OPERATORS}"),
                    ));
                }
                _ => return Ok(Node::Present(left.operand)),
            }
        }
        Ok(match comparisons.len() {
            1 => comparisons.remove(0),
            _ => Node::All(comparisons),
        })
    }

    fn compare_with_literal(&self, left: Typed, relation: Relation, literal: &Literal<'t>) -> Parsed<Node> {
        let what = self.spelled(&left.span);
        let truth = match literal.kind {
            LiteralKind::Word("true" | "True" | "TRUE" | "1") => Some(true),
            LiteralKind::Word("false" | "False" | "FALSE" | "0") => Some(false),
            _ => None,
        };
        match (left.field_type, relation, truth) {
            // A flag is never there and false, so of the four only this one says what it means.
            (FieldType::Flag, Relation::Eq, Some(true)) => Ok(Node::Present(left.operand)),
            (FieldType::Flag, Relation::Eq, Some(false)) | (FieldType::Flag, Relation::Ne, Some(_)) => {
                Err(Problem::new(
                    left.span.start..literal.span.end,
                    format!("`{what}` is there or not and never false, so this would match no row"),
                    format!("write `{what}` or `!{what}`"),
                ))
            }
            _ => {
                let constant = literal.convert(left.field_type, what)?;
                Ok(Node::Compare(left.operand, relation, Operand::Constant(constant)))
            }
        }
    }

    fn check_comparable(&self, left: &Typed, right: &Typed) -> Parsed<()> {
        use FieldType::{Bool, Float, Integer, Time};
        let alike = match (left.field_type, right.field_type) {
            (Integer { .. } | Bool, Integer { .. } | Bool) | (Float, Float) | (Time, Time) => true,
            (a, b) => is_bytes(a) && is_bytes(b),
        };
        if alike {
            return Ok(());
        }
        let (a, b) = (self.spelled(&left.span), self.spelled(&right.span));
        let clocks = matches!((left.field_type, right.field_type), (Time, Float) | (Float, Time));
        Err(Problem::new(
            left.span.start..right.span.end,
            format!("`{a}` is {}, `{b}` is {}", left.field_type.phrase(), right.field_type.phrase()),
            if clocks {
                "the capture's clock and the sender's are two: compare each with a number"
            } else {
                "compare fields of one type"
            },
        ))
    }

    fn check_searchable(&self, left: &Typed, operator: &str) -> Parsed<()> {
        if is_bytes(left.field_type) {
            return Ok(());
        }
        let spelled = self.spelled(&left.span);
        Err(Problem::new(
            left.span.clone(),
            format!("`{operator}` searches text and bytes; `{spelled}` is {}", left.field_type.phrase()),
            match left.field_type {
                FieldType::Flag if spelled == "arq" => "search a field: arq.payload, arq.info".to_owned(),
                FieldType::Flag => format!("write `{spelled}` alone"),
                _ => format!("compare it: {spelled} == …, {spelled} in {{…}}"),
            },
        ))
    }

    fn contains(&mut self, left: Typed, operator: &Token) -> Parsed<Node> {
        let needle = match self.value()? {
            Side::Operand(part) if is_bytes(part.field_type) => Needle::Read(part.operand),
            Side::Operand(part) => {
                let message = format!("`{}` is {}", self.spelled(&part.span), part.field_type.phrase());
                return Err(Problem::new(part.span, message, "`contains` looks for text or bytes"));
            }
            Side::Literal(literal) => {
                // A part of a name need not be one.
                let wanted = match left.field_type {
                    FieldType::Bytes => FieldType::Bytes,
                    _ => FieldType::Text { words: &[], others: Others::Bare },
                };
                match literal.convert(wanted, self.spelled(&left.span))? {
                    Constant::Bytes(bytes) => Needle::Fixed(Box::new(Finder::new(&bytes).into_owned())),
                    _ => return Err(Problem::new(operator.span.clone(), "`contains` looks for text or bytes", "")),
                }
            }
        };
        Ok(Node::Contains(left.operand, needle))
    }

    fn matches(&mut self, left: Typed) -> Parsed<Node> {
        let TokenKind::Text(pattern) = &self.next.kind else {
            return Err(Problem::new(
                self.next.span.clone(),
                "`matches` takes a regular expression in double quotes",
                "write matches \"^ab\", or a raw text, matches r\"\\d+\"",
            ));
        };
        if self.patterns == MAX_PATTERNS {
            return Err(Problem::new(
                self.next.span.clone(),
                format!("more than {MAX_PATTERNS} regular expressions"),
                "join alternatives into one: matches \"ab|cd\"",
            ));
        }
        self.patterns += 1;
        let regex = pattern::compile(pattern, &self.next.span)?;
        self.advance()?;
        Ok(Node::Matches(left.operand, Box::new(regex)))
    }

    fn set(&mut self, field_type: FieldType, what: &str) -> Parsed<ValueSet> {
        if self.next.kind != TokenKind::BraceOpen {
            return Err(Problem::new(self.next.span.clone(), "a set is wanted after `in`", "write in {1, 3..5}"));
        }
        let open = self.advance()?;
        let mut ranges = Vec::new();
        loop {
            if self.next.kind == TokenKind::BraceClose {
                let message =
                    if ranges.is_empty() { "an empty set holds nothing" } else { "a value is missing after the comma" };
                return Err(Problem::new(self.next.span.clone(), message, "write the values with commas: {1, 3..5}"));
            }
            let (low, from) = self.element(field_type, what)?;
            let high = if self.next.kind == TokenKind::DotDot {
                self.advance()?;
                let (high, to) = self.element(field_type, what)?;
                if high.value() < low.value() {
                    return Err(Problem::new(
                        from.start..to.end,
                        "this range is empty: it ends before it begins",
                        format!("write {}..{}", self.spelled(&to), self.spelled(&from)),
                    ));
                }
                high
            } else {
                low.clone()
            };
            ranges.push((low, high));
            match self.next.kind {
                TokenKind::Comma => self.advance()?,
                TokenKind::BraceClose => break,
                TokenKind::End => {
                    return Err(Problem::new(open.span, "this `{` is never closed", "write `}` at the end of the set"));
                }
                _ => {
                    return Err(Problem::new(
                        self.next.span.clone(),
                        format!("unexpected {} in a set", self.shown_next()),
                        "put commas between the values: {1, 3..5}",
                    ));
                }
            };
        }
        self.advance()?;
        Ok(ValueSet::new(ranges))
    }

    fn element(&mut self, field_type: FieldType, what: &str) -> Parsed<(Constant, Range<usize>)> {
        match self.value()? {
            Side::Literal(literal) => Ok((literal.convert(field_type, what)?, literal.span)),
            Side::Operand(operand) => Err(Problem::new(
                operand.span,
                "a set holds values, not fields",
                "compare fields with == and join with `or`",
            )),
        }
    }

    /// Why a value cannot begin a test: it is no field, or it stands on the wrong side.
    fn literal_on_the_left(&mut self, literal: &Literal<'t>) -> Box<Problem> {
        let spelled = self.spelled(&literal.span);
        let relation = match self.next.kind {
            TokenKind::Relation(relation) => Some(relation),
            _ => None,
        };
        if let Some(relation) = relation {
            let right = self.advance().and_then(|_| self.value());
            if let Ok(Side::Operand(right)) = right {
                return Problem::new(
                    literal.span.clone(),
                    "a field stands on the left of a comparison",
                    format!("write `{} {} {spelled}`", self.spelled(&right.span), relation.mirrored().symbol()),
                );
            }
        }
        match literal.kind {
            LiteralKind::Word(word) if word.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                let slip = suggest::operator(word);
                let help = slip.map_or_else(|| suggest::for_field(word), str::to_owned);
                Problem::new(literal.span.clone(), format!("unknown field `{word}`"), help)
            }
            _ => Problem::new(
                literal.span.clone(),
                "a test begins with a field",
                format!(
                    "for example arq.pos == 3; to search the payload, arq.payload contains {}",
                    match literal.kind {
                        LiteralKind::Text(_) => spelled.to_owned(),
                        _ => format!("\"{}\"", spelled.trim_matches('\'')),
                    }
                ),
            ),
        }
    }
}

/// The refusal of a value in `a < 3 < b`.
fn between(span: Range<usize>) -> Box<Problem> {
    Problem::new(
        span,
        "only a field can stand between two comparisons",
        "write both tests and join them with `and`, or use a range: arq.pos in {1..3}",
    )
}
