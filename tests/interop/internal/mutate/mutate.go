package mutate

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Mutator makes odd documents of good ones. What it does follows from its
// seed alone, but for the key material of the elements that it makes.
type Mutator struct {
	r     *rand.Rand
	seeds []*node
	raw   [][]byte
	smith *smith
}

// New begins with some documents. Those that are no JSON are changed in
// their bytes alone.
func New(seed uint64, documents [][]byte) (*Mutator, error) {
	smith, err := newSmith()
	if err != nil {
		return nil, err
	}
	m := &Mutator{r: rand.New(rand.NewPCG(seed, 0)), raw: documents, smith: smith}
	for _, document := range documents {
		if tree, err := parse(document); err == nil && len(m.keys(tree)) > 0 {
			m.seeds = append(m.seeds, tree)
		}
	}
	if len(m.seeds) == 0 {
		return nil, fmt.Errorf("none of %d documents is a bundle", len(documents))
	}
	return m, nil
}

// Next makes a document.
func (m *Mutator) Next() ([]byte, error) {
	if m.r.IntN(20) == 0 {
		return m.bytes(m.raw[m.r.IntN(len(m.raw))]), nil
	}
	tree := m.seeds[m.r.IntN(len(m.seeds))].clone()
	m.shrink(tree)
	for range m.r.IntN(3) {
		element, err := m.smith.element(m.r)
		if err != nil {
			return nil, err
		}
		m.insert(tree.find("keys"), element)
	}
	for range 1 + m.r.IntN(2) {
		m.change(tree)
	}
	document := tree.write(m.r, m.r.IntN(3) == 0)
	if m.r.IntN(8) == 0 {
		document = m.bytes(document)
	}
	return document, nil
}

// keys gives the elements of a bundle.
func (m *Mutator) keys(tree *node) []*node {
	if keys := tree.find("keys"); keys != nil && keys.kind == array {
		return keys.members
	}
	return nil
}

// shrink leaves a few elements, so that one oddity does not hide another.
func (m *Mutator) shrink(tree *node) {
	keys := tree.find("keys")
	for len(keys.members) > 1+m.r.IntN(3) {
		at := m.r.IntN(len(keys.members))
		keys.members = slices.Delete(keys.members, at, at+1)
	}
}

func (m *Mutator) insert(list *node, value *node) {
	at := m.r.IntN(len(list.members) + 1)
	list.members = slices.Insert(list.members, at, value)
}

// pick gives an element that is an object, or nil.
func (m *Mutator) pick(tree *node) *node {
	var objects []*node
	for _, element := range m.keys(tree) {
		if element.kind == object && len(element.members) > 0 {
			objects = append(objects, element)
		}
	}
	if len(objects) == 0 {
		return nil
	}
	return objects[m.r.IntN(len(objects))]
}

func (m *Mutator) change(tree *node) {
	element := m.pick(tree)
	target := element
	if element == nil || m.r.IntN(6) == 0 {
		target = tree
	}
	if target.kind != object || len(target.members) == 0 {
		return
	}
	at := m.r.IntN(len(target.members))
	switch m.r.IntN(24) {
	case 0:
		target.names = slices.Delete(target.names, at, at+1)
		target.members = slices.Delete(target.members, at, at+1)
	case 1: // A name twice.
		target.names = append(target.names, target.names[at])
		target.members = append(target.members, m.members(target, at).clone())
	case 2:
		target.names[at] = m.name(target.names[at])
	case 3:
		target.members[at] = m.value()
	case 4:
		keys := tree.find("keys")
		if keys != nil && keys.kind == array {
			m.insert(keys, m.value())
		}
	case 5: // An element twice.
		if keys := tree.find("keys"); keys != nil && element != nil {
			m.insert(keys, element.clone())
		}
	case 6:
		target.set(m.unknown(), m.value())
	case 7:
		m.number(tree)
	case 8, 9:
		m.word(element)
	case 10, 11:
		m.base64(element)
	case 12, 13, 14, 15, 16:
		m.certificate(tree, element)
	case 17:
		m.thumbprint(element)
	case 18:
		m.swap(tree)
	case 19:
		m.parameter(element)
	case 20: // Another document's `keys`, before or after.
		other := m.seeds[m.r.IntN(len(m.seeds))].find("keys").clone()
		tree.names = append(tree.names, []string{`"keys"`, `"KEYS"`, `"Keys"`, "\"\\u212aey\\u017f\"", "\"key\u017f\""}[m.r.IntN(5)])
		tree.members = append(tree.members, other)
	case 21:
		m.nest(target, at)
	default:
		if element != nil {
			m.any(element)
		}
	}
}

func (m *Mutator) members(n *node, at int) *node { return n.members[at] }

// any changes some literal somewhere.
func (m *Mutator) any(n *node) {
	nodes := n.all()
	chosen := nodes[m.r.IntN(len(nodes))]
	if chosen.kind == literal && len(chosen.text) > 2 {
		chosen.text = string(flip(m.r, []byte(chosen.text)))
		return
	}
	*chosen = *m.value()
}

// name writes a name in another way, or another name.
func (m *Mutator) name(written string) string {
	plain := strings.Trim(written, `"`)
	switch m.r.IntN(7) {
	case 0:
		return `"` + strings.ToUpper(plain) + `"`
	case 1:
		return `"` + strings.ToUpper(plain[:min(1, len(plain))]) + plain[min(1, len(plain)):] + `"`
	case 2: // The same name.
		if len(plain) > 0 {
			return fmt.Sprintf("\"\\u%04x%s\"", plain[0], plain[1:])
		}
	case 3:
		return `"` + strings.ReplaceAll(strings.ReplaceAll(plain, "s", "\u017f"), "k", "\u212a") + `"`
	case 4:
		return `"` + plain + ` "`
	case 5:
		return `"` + strings.ReplaceAll(plain, "ff", "\ufb00") + `"`
	}
	all := []string{"use", "kty", "kid", "crv", "alg", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi", "k", "x5c", "x5u", "x5t", "x5t#S256", "keys", "spiffe_sequence", "spiffe_refresh_hint"}
	return `"` + all[m.r.IntN(len(all))] + `"`
}

func (m *Mutator) unknown() string {
	return []string{"alg", "key_ops", "ext", "x5u", "d", "k", "", "kid", "a\u0000", "\U0001f600"}[m.r.IntN(10)]
}

// value is of some type, and odd.
func (m *Mutator) value() *node {
	texts := []string{
		"null", "true", "false", "0", "-0", "1", "1.0", "1e3", "-1", "18446744073709551615", "18446744073709551616",
		"9223372036854775807", "9223372036854775808", "1e999", `""`, `"a"`, `"\ud800"`, "\"\xff\"", `"\u0000"`, "\"\x01\"", `"\x"`, "nul",
		"{}", "[]", "[null]", `[""]`, `{"a":1,"a":2}`, `{"keys":[]}`, "01", "+1", "1.", "NaN", "'a'", `"A\nA"`, `"\n"`, `"="`, `"AA=="`,
	}
	text := texts[m.r.IntN(len(texts))]
	if tree, err := parse([]byte(text)); err == nil && tree.kind != literal {
		return tree
	}
	return &node{text: text}
}

func (m *Mutator) number(tree *node) {
	name := []string{"spiffe_sequence", "spiffe_refresh_hint", "SPIFFE_sequence", "spiffe_Refresh_Hint", "\u017fpiffe_refresh_hint"}[m.r.IntN(5)]
	if m.r.IntN(3) == 0 {
		tree.names = append(tree.names, `"`+name+`"`)
		tree.members = append(tree.members, m.value())
		return
	}
	hints := []string{"0", "1", "-1", "60", "300", "86400", "86401", "1000000000000", "10000000000", "-10000000000"}
	tree.set(name, &node{text: hints[m.r.IntN(len(hints))]})
}

// word changes what decides how an element is read.
func (m *Mutator) word(element *node) {
	if element == nil {
		return
	}
	words := map[string][]string{
		"use": {"x509-svid", "jwt-svid", "wit-svid", "JWT-SVID", "sig", "", "x509-svid "},
		"kty": {"EC", "RSA", "oct", "OKP", "AKP", "ec", ""},
		"crv": {"P-256", "P-384", "P-521", "P-224", "secp256k1", "Ed25519", "X25519", "p-256", ""},
		"kid": {"", "a", "b", strings.Repeat("k", 300), "\ufffd", "é" + strings.Repeat("é", 200)},
		"alg": {"ES256", "", "none"},
	}
	name := []string{"use", "use", "kty", "crv", "kid", "kid", "alg"}[m.r.IntN(7)]
	element.set(name, quoted(words[name][m.r.IntN(len(words[name]))]))
}

// base64 changes how bytes are written, and sometimes what they are.
func (m *Mutator) base64(element *node) {
	if element == nil {
		return
	}
	var targets []*node
	for i, name := range element.names {
		value := element.members[i]
		if strings.Contains(`"x""y""n""e""d""p""q""dp""dq""qi""k""x5t""x5t#S256"`, name) && value.value() != "" {
			targets = append(targets, value)
		}
		if name == `"x5c"` {
			targets = append(targets, value.members...)
		}
	}
	if len(targets) == 0 {
		return
	}
	target := targets[m.r.IntN(len(targets))]
	text := target.value()
	if text == "" {
		return
	}
	at := m.r.IntN(len(text) + 1)
	insert := func(part string) string { return text[:at] + part + text[at:] }
	changes := []func() string{
		func() string { return insert("\n") }, func() string { return insert("\r\n") }, func() string { return insert(" ") },
		func() string { return insert("=") }, func() string { return text + "=" }, func() string { return text + "==" },
		func() string { return strings.TrimRight(text, "=") }, func() string { return text + "A" }, func() string { return text + "AA" },
		func() string { return text[:at] }, func() string { return "AA" + text }, func() string { return insert("\x00") },
		func() string { return strings.NewReplacer("+", "-", "/", "_").Replace(text) },
		func() string { return strings.NewReplacer("-", "+", "_", "/").Replace(text) },
		func() string { return text[:len(text)-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[m.r.IntN(26)]) },
		func() string { return text + "\n" }, func() string { return text + "=\n=" },
		func() string { return text[:at] + string("ABCDwxyz0189"[m.r.IntN(12)]) + text[min(at+1, len(text)):] },
	}
	*target = *quoted(changes[m.r.IntN(len(changes))]())
}

// certificate changes the certificates of an element.
func (m *Mutator) certificate(tree *node, element *node) {
	if element == nil {
		return
	}
	x5c := element.find("x5c")
	if x5c == nil || x5c.kind != array || len(x5c.members) == 0 {
		return
	}
	at := m.r.IntN(len(x5c.members))
	switch m.r.IntN(10) {
	case 0:
		x5c.members = nil
	case 1:
		x5c.members = append(x5c.members, x5c.members[at].clone())
	case 2: // Another element's.
		for _, other := range m.keys(tree) {
			if theirs := other.find("x5c"); other != element && theirs != nil && len(theirs.members) > 0 {
				x5c.members[at] = theirs.members[0].clone()
			}
		}
	case 3:
		x5c.members[at] = m.value()
	default:
		der, err := base64.StdEncoding.DecodeString(x5c.members[at].value())
		if err != nil {
			return
		}
		for range 1 + m.r.IntN(2) {
			der = flip(m.r, der)
		}
		x5c.members[at] = quoted(base64.StdEncoding.EncodeToString(der))
	}
}

// thumbprint states one, right or wrong.
func (m *Mutator) thumbprint(element *node) {
	if element == nil {
		return
	}
	leaf := []byte("no certificate")
	if x5c := element.find("x5c"); x5c != nil && x5c.kind == array && len(x5c.members) > 0 {
		leaf, _ = base64.StdEncoding.DecodeString(x5c.members[0].value())
	}
	one, two := sha1.Sum(leaf), sha256.Sum256(leaf)
	name, sum := "x5t", one[:]
	if m.r.IntN(2) == 0 {
		name, sum = "x5t#S256", two[:]
	}
	switch m.r.IntN(6) {
	case 0:
		sum = flip(m.r, sum)
	case 1:
		sum = []byte(hex.EncodeToString(sum))
	case 2:
		sum = []byte(strings.ToUpper(hex.EncodeToString(sum)))
	case 3:
		sum = flip(m.r, []byte(hex.EncodeToString(sum)))
	}
	element.set(name, quoted(base64.RawURLEncoding.EncodeToString(sum)))
	if m.r.IntN(3) == 0 {
		element.set("x5u", quoted(names[m.r.IntN(len(names))]))
	}
}

// swap lets two elements exchange a member.
func (m *Mutator) swap(tree *node) {
	one, two := m.pick(tree), m.pick(tree)
	if one == nil || one == two {
		return
	}
	name := []string{"x", "y", "n", "e", "x5c", "kid", "use", "kty", "crv", "d"}[m.r.IntN(10)]
	if a, b := one.find(name), two.find(name); a != nil && b != nil {
		one.set(name, b.clone())
		two.set(name, a.clone())
	}
}

// parameter puts in a parameter of a key, or changes the bytes of one.
func (m *Mutator) parameter(element *node) {
	if element == nil {
		return
	}
	all := []string{"x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi", "k"}
	name := all[m.r.IntN(len(all))]
	parameter, err := base64.RawURLEncoding.DecodeString(element.find(name).value())
	if err != nil || len(parameter) == 0 {
		parameter = octets(m.r, []int{0, 1, 8, 9, 31, 32, 33, 48, 66, 128}[m.r.IntN(10)])
	}
	switch m.r.IntN(4) {
	case 0:
		parameter = append([]byte{0}, parameter...)
	case 1:
		parameter = bytes.TrimLeft(parameter, "\x00")
	case 2:
		parameter = flip(m.r, parameter)
	}
	element.set(name, quoted(base64.RawURLEncoding.EncodeToString(parameter)))
}

// nest puts a value deep into others.
func (m *Mutator) nest(target *node, at int) {
	depth := []int{1, 2, 30, 40, 9_990, 9_998, 9_999, 10_000, 10_001}[m.r.IntN(9)]
	if m.r.IntN(2) == 0 {
		target.members[at] = &node{text: strings.Repeat("[", depth) + strings.Repeat("]", depth)}
	} else {
		target.set("deep", &node{text: strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)})
	}
}

// bytes changes a document without looking at what it says.
func (m *Mutator) bytes(document []byte) []byte {
	document = bytes.Clone(document)
	for range 1 + m.r.IntN(3) {
		if len(document) == 0 {
			return document
		}
		at := m.r.IntN(len(document))
		switch m.r.IntN(10) {
		case 0:
			document = document[:at]
		case 1:
			document = append(document, []string{"x", "{}", " ", "\n\t\r", "\x00", "null", "\ufeff", "]"}[m.r.IntN(8)]...)
		case 2:
			document = append([]byte("\xef\xbb\xbf"), document...)
		case 3:
			document = append([]byte([]string{" ", "\n", "null", "\x00", "\u00a0"}[m.r.IntN(5)]), document...)
		case 4:
			end := min(len(document), at+m.r.IntN(40))
			document = slices.Insert(document, at, bytes.Clone(document[at:end])...)
		case 5:
			end := min(len(document), at+m.r.IntN(40))
			document = slices.Delete(document, at, end)
		default:
			document = flip(m.r, document)
		}
	}
	return document
}

// Bundles gives the documents in the recorded polls of a file of JSON lines.
func Bundles(lines []byte) ([][]byte, error) {
	var documents [][]byte
	decoder := json.NewDecoder(bytes.NewReader(lines))
	for decoder.More() {
		var line struct {
			Bundle json.RawMessage `json:"bundle"`
			Body   *string         `json:"body"`
		}
		if err := decoder.Decode(&line); err != nil {
			return nil, err
		}
		if line.Bundle != nil {
			documents = append(documents, bytes.Clone(line.Bundle))
		}
		if line.Body != nil {
			documents = append(documents, []byte(*line.Body))
		}
	}
	return documents, nil
}
