// Package mutate makes odd bundle documents of good ones: the accidents and
// the malice that two JSON, base64 and X.509 readers may read in two ways.
package mutate

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
)

// kind says what a node of a document is.
type kind int

const (
	literal kind = iota // a string, a number or a word, as it is written
	array
	object
)

// node is a JSON value that may be written in many ways: names may stand
// twice, and literals may be none.
type node struct {
	kind    kind
	text    string // of a literal
	names   []string
	members []*node // of an object or an array
}

// parse reads a document that is JSON.
func parse(document []byte) (*node, error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	tree, err := parseValue(decoder)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return tree, nil
}

func parseValue(decoder *json.Decoder) (*node, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		text, err := json.Marshal(token)
		return &node{text: string(text)}, err
	}
	n := &node{kind: array}
	if delim == '{' {
		n.kind = object
	}
	for decoder.More() {
		if n.kind == object {
			name, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			text, err := json.Marshal(name)
			if err != nil {
				return nil, err
			}
			n.names = append(n.names, string(text))
		}
		member, err := parseValue(decoder)
		if err != nil {
			return nil, err
		}
		n.members = append(n.members, member)
	}
	_, err = decoder.Token()
	return n, err
}

func (n *node) clone() *node {
	c := &node{kind: n.kind, text: n.text, names: slices.Clone(n.names)}
	for _, member := range n.members {
		c.members = append(c.members, member.clone())
	}
	return c
}

// find gives the member of this name, or nil.
func (n *node) find(name string) *node {
	for i, known := range n.names {
		if known == `"`+name+`"` {
			return n.members[i]
		}
	}
	return nil
}

func (n *node) set(name string, value *node) {
	for i, known := range n.names {
		if known == `"`+name+`"` {
			n.members[i] = value
			return
		}
	}
	n.names = append(n.names, `"`+name+`"`)
	n.members = append(n.members, value)
}

// value gives what a literal string says, or nothing.
func (n *node) value() string {
	var text string
	if n != nil && n.kind == literal {
		_ = json.Unmarshal([]byte(n.text), &text)
	}
	return text
}

func quoted(text string) *node {
	written, _ := json.Marshal(text)
	return &node{text: string(written)}
}

// all lists a node and everything below it.
func (n *node) all() []*node {
	list := []*node{n}
	for _, member := range n.members {
		list = append(list, member.all()...)
	}
	return list
}

// write renders a tree, with space wherever chance puts it.
func (n *node) write(r *rand.Rand, spaces bool) []byte {
	var b strings.Builder
	n.writeTo(&b, r, spaces)
	return []byte(b.String())
}

func (n *node) writeTo(b *strings.Builder, r *rand.Rand, spaces bool) {
	space := func() {
		if spaces && r.IntN(6) == 0 {
			b.WriteString([]string{" ", "\n", "\t", "\r\n", "    "}[r.IntN(5)])
		}
	}
	space()
	defer space()
	if n.kind == literal {
		b.WriteString(n.text)
		return
	}
	brackets := "[]"
	if n.kind == object {
		brackets = "{}"
	}
	b.WriteByte(brackets[0])
	space()
	for i, member := range n.members {
		if i > 0 {
			b.WriteByte(',')
		}
		if n.kind == object {
			space()
			b.WriteString(n.names[i])
			space()
			b.WriteByte(':')
		}
		member.writeTo(b, r, spaces)
	}
	b.WriteByte(brackets[1])
}
