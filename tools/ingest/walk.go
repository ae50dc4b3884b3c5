package ingest

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"unicode/utf8"

	"caro.sh/telemetry/schema"
)

// walk goes through the document: event, if there is one, gets each element of
// the member "events", field every other member. An error of theirs ends it.
func (s *scanner) walk(field func(name string, text []byte) error, event func(text []byte) error) error {
	if _, err := s.take("{"); err != nil {
		return err
	}
	var names []string
	for next := byte(','); next == ','; {
		if c, err := s.peek(); err == nil && c == '}' && len(names) == 0 {
			s.at++
			break
		}
		name, err := s.name()
		if err != nil {
			return err
		}
		if slices.Contains(names, name) {
			return malformed("", ruleDuplicate)
		}
		if names = append(names, name); len(names) > maxMembers {
			return &schema.Violation{Category: schema.SchemaRule, Rule: "additionalProperties"}
		}
		if err := s.member(name, field, event); err != nil {
			return err
		}
		if next, err = s.take(",}"); err != nil {
			return err
		}
	}
	return s.finish()
}

// maxMembers bounds the members of a document; the largest of ours has 15.
const maxMembers = 32

// name reads a member's name and the colon behind it.
func (s *scanner) name() (string, error) {
	text, err := s.value()
	if err != nil {
		return "", err
	}
	var name string
	if text[0] != '"' || !utf8.Valid(text) || json.Unmarshal(text, &name) != nil {
		return "", malformed("", ruleJSON)
	}
	_, err = s.take(":")
	return name, err
}

func (s *scanner) member(name string, field func(string, []byte) error, event func([]byte) error) error {
	if c, err := s.peek(); name == "events" && event != nil && err == nil && c == '[' {
		s.at++
		return s.elements(event)
	}
	text, err := s.value()
	if err != nil {
		return err
	}
	return field(name, text)
}

func (s *scanner) elements(event func([]byte) error) error {
	if c, err := s.peek(); err == nil && c == ']' {
		s.at++
		return nil
	}
	for next := byte(','); next == ','; {
		err := s.element(event)
		if err != nil {
			return err
		}
		if next, err = s.take(",]"); err != nil {
			return err
		}
	}
	return nil
}

func (s *scanner) element(event func([]byte) error) error {
	if _, err := s.peek(); err == nil && s.ready != nil {
		n, err := s.ready(s.buf[s.at:s.end])
		if s.at += n; n > 0 || err != nil {
			return err
		}
	}
	text, err := s.value()
	if err != nil {
		return err
	}
	return event(text)
}

// finish makes sure that nothing follows.
func (s *scanner) finish() error {
	switch _, err := s.peek(); {
	case err == nil:
		return malformed("", ruleTrailing)
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}
