// Consume holds what anchorwatch says that go-spiffe would do with a document
// against what go-spiffe does.
package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"anchorwatch.example/interop/internal/authority"
	"anchorwatch.example/interop/internal/mutate"
)

const usage = `Compare anchorwatch's profile of go-spiffe with go-spiffe, document by document.
First the documents are written: those of the corpus, those in recordings, and mutated ones. Then anchorwatch
says what it thinks of them, and then the two are compared. Exit code 1 and the documents in dispute when they differ.

  consume --write docs --mutated 4000 --seed 1 bundles/*.json recordings/*.jsonl
  anchorwatch lint --consumer go-spiffe --output json docs > lint.json
  consume --read docs --lint lint.json

`

// A disagreement is shown up to these bytes, and this many are.
const (
	mostBytes = 3000
	mostShown = 5
	// As many bytes of a key ID are told.
	longestKeyID = 256
)

type config struct {
	write   string
	mutated int
	seed    uint64
	read    string
	lint    string
}

func main() {
	var c config
	flag.StringVar(&c.write, "write", "", "`folder` to write documents into")
	flag.IntVar(&c.mutated, "mutated", 0, "`number` of mutated documents")
	flag.Uint64Var(&c.seed, "seed", 1, "`seed` of the mutations")
	flag.StringVar(&c.read, "read", "", "`folder` with documents that were written")
	flag.StringVar(&c.lint, "lint", "", "`file` with what anchorwatch lint printed in JSON")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := c.run(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "consume:", err)
		os.Exit(1)
	}
}

func (c config) run(corpus []string) error {
	switch {
	case c.write != "":
		return c.generate(corpus)
	case c.read != "" && c.lint != "":
		return c.compare()
	default:
		return errors.New("either --write, or --read and --lint, is wanted")
	}
}

func (c config) generate(corpus []string) error {
	var documents [][]byte
	for _, path := range corpus {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found := [][]byte{content}
		if filepath.Ext(path) == ".jsonl" {
			if found, err = mutate.Bundles(content); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		documents = append(documents, found...)
	}
	if err := os.MkdirAll(c.write, 0o755); err != nil {
		return err
	}
	for i, document := range documents {
		if err := c.put("corpus", i, document); err != nil {
			return err
		}
	}
	mutator, err := mutate.New(c.seed, documents)
	if err != nil {
		return err
	}
	for i := range c.mutated {
		document, err := mutator.Next()
		if err != nil {
			return err
		}
		if err := c.put(fmt.Sprintf("seed%d", c.seed), i, document); err != nil {
			return err
		}
	}
	return nil
}

func (c config) put(kind string, number int, document []byte) error {
	return os.WriteFile(filepath.Join(c.write, fmt.Sprintf("%s-%05d.json", kind, number)), document, 0o644)
}

// opinion is what a reader makes of a document: the keys that it keeps and the
// seconds until it asks again, or nothing where it refuses.
type opinion struct {
	accepts  bool
	keys     []string
	nextPoll int64
	why      string
}

func (o opinion) agrees(other opinion) bool {
	return o.accepts == other.accepts && o.nextPoll == other.nextPoll && slices.Equal(o.keys, other.keys)
}

func (o opinion) String() string {
	if !o.accepts {
		return "refuses: " + o.why
	}
	return fmt.Sprintf("accepts, asks again in %d s, keeps %s", o.nextPoll, strings.Join(o.keys, ", "))
}

func (c config) compare() error {
	content, err := os.ReadFile(c.lint)
	if err != nil {
		return err
	}
	var reports []report
	if err := json.Unmarshal(content, &reports); err != nil {
		return fmt.Errorf("%s: %w", c.lint, err)
	}
	files, err := filepath.Glob(filepath.Join(c.read, "*.json"))
	if err != nil {
		return err
	}
	if len(files) == 0 || len(files) != len(reports) {
		return fmt.Errorf("%d documents and %d reports", len(files), len(reports))
	}
	accepted, disputed := 0, 0
	for _, r := range reports {
		document, err := os.ReadFile(r.Document)
		if err != nil {
			return err
		}
		ours, err := r.opinion()
		if err != nil {
			return fmt.Errorf("%s: %w", r.Document, err)
		}
		theirs := read(document)
		if theirs.accepts {
			accepted++
		}
		if ours.agrees(theirs) {
			continue
		}
		disputed++
		if disputed <= mostShown {
			fmt.Printf("%s\n  go-spiffe   %s\n  anchorwatch %s\n  %q\n", filepath.Base(r.Document), theirs, ours, document[:min(len(document), mostBytes)])
		}
	}
	fmt.Printf("%d documents, of which go-spiffe accepts %d and refuses %d: %d disagreements\n",
		len(reports), accepted, len(reports)-accepted, disputed)
	if disputed > 0 {
		return errors.New("anchorwatch's profile of go-spiffe is wrong")
	}
	return nil
}

// report is what anchorwatch lint says of one document.
type report struct {
	Document  string `json:"document"`
	Consumers []struct {
		Consumer string `json:"consumer"`
		Verdict  string `json:"verdict"`
		Message  string `json:"message"`
		NextPoll int64  `json:"next_poll_seconds"`
		Kept     []struct {
			Use         string `json:"use"`
			Fingerprint string `json:"fingerprint"`
			KeyID       string `json:"kid"`
		} `json:"kept"`
	} `json:"consumers"`
}

func (r report) opinion() (opinion, error) {
	for _, answer := range r.Consumers {
		if answer.Consumer != "go-spiffe" {
			continue
		}
		o := opinion{accepts: answer.Verdict == "accepts", why: answer.Message, nextPoll: answer.NextPoll}
		for _, kept := range answer.Kept {
			o.keys = append(o.keys, key(kept.Use, kept.KeyID, kept.Fingerprint))
		}
		slices.Sort(o.keys)
		return o, nil
	}
	return opinion{}, errors.New("anchorwatch lint was not asked for go-spiffe")
}

func key(use, keyID, fingerprint string) string {
	return fmt.Sprintf("%s %q %s", use, keyID, fingerprint)
}

// read lets go-spiffe read a document.
func read(document []byte) opinion {
	bundle, err := spiffebundle.Parse(spiffeid.RequireTrustDomainFromString("consume.example"), document)
	if err != nil {
		return opinion{why: err.Error()}
	}
	hint, _ := bundle.RefreshHint()
	o := opinion{accepts: true, nextPoll: nextPoll(hint)}
	for _, certificate := range bundle.X509Authorities() {
		digest := sha256.Sum256(certificate.Raw)
		o.keys = append(o.keys, key(authority.X509SVID, "", "sha256:"+hex.EncodeToString(digest[:])))
	}
	for use, keys := range map[string]map[string]crypto.PublicKey{
		authority.JWTSVID: bundle.JWTAuthorities(),
		authority.WITSVID: bundle.WITAuthorities(),
	} {
		for keyID, public := range keys {
			o.keys = append(o.keys, key(use, cut(keyID), thumbprint(public)))
		}
	}
	slices.Sort(o.keys)
	return o
}

// thumbprint names a key by its RFC 7638 thumbprint. A symmetric key has none,
// and over an RSA key with the exponent 0 go-jose panics.
func thumbprint(public crypto.PublicKey) string {
	if key, isRSA := public.(*rsa.PublicKey); isRSA && key.E == 0 {
		return ""
	}
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return ""
	}
	return "sha256:" + hex.EncodeToString(sum)
}

// nextPoll is what Teleport, the best known caller of go-spiffe, makes of a
// refresh hint: the profile says the same.
func nextPoll(hint time.Duration) int64 {
	if hint == 0 {
		return int64((5 * time.Minute).Seconds())
	}
	return int64(min(max(hint, time.Minute), 24*time.Hour).Seconds())
}

// cut leaves as much of a key ID as anchorwatch tells.
func cut(keyID string) string {
	if len(keyID) <= longestKeyID {
		return keyID
	}
	const mark = "…"
	end := longestKeyID - len(mark)
	for !utf8.RuneStart(keyID[end]) {
		end--
	}
	return keyID[:end] + mark
}
