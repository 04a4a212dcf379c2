// Compare holds what anchorwatch says of a trust domain's keys against the
// bundle itself, as go-spiffe reads it.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"anchorwatch.example/interop/internal/authority"
)

const usage = `Compare the authorities that anchorwatch knows with a bundle, key by key.
Every key of the bundle must be published and not removed, and every published key must be in the bundle.
Exit code 1 and one line a difference when they differ.

  spire-server bundle show -format spiffe > a.json
  anchorwatch authorities --config.file=anchorwatch.yaml --output json > authorities.json
  compare --trust-domain a.example --bundle a.json --authorities authorities.json

In the place of a bundle, --polled takes what the program poll printed.

`

type config struct {
	trustDomain string
	bundle      string
	polled      string
	authorities string
	removed     string
}

// record is one entry of "anchorwatch authorities --output json".
type record struct {
	TrustDomain string `json:"trust_domain"`
	Use         string `json:"use"`
	Fingerprint string `json:"fingerprint"`
	Removed     any    `json:"removed"`
}

// key is what an authority is known by.
type key struct{ use, fingerprint string }

func (k key) String() string { return k.use + " " + k.fingerprint }

func main() {
	var c config
	flag.StringVar(&c.trustDomain, "trust-domain", "", "trust domain")
	flag.StringVar(&c.bundle, "bundle", "", "`file` with its bundle in SPIFFE form")
	flag.StringVar(&c.polled, "polled", "", "`file` with what poll printed, in the place of a bundle")
	flag.StringVar(&c.authorities, "authorities", "", "`file` with anchorwatch's authorities in JSON")
	flag.StringVar(&c.removed, "removed", "", "comma-separated `fingerprints` that anchorwatch must list as removed")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()

	differences, err := run(c)
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(2)
	}
	for _, line := range differences {
		fmt.Println(line)
	}
	if len(differences) > 0 {
		os.Exit(1)
	}
}

func run(c config) ([]string, error) {
	td, err := spiffeid.TrustDomainFromString(c.trustDomain)
	if err != nil {
		return nil, fmt.Errorf("--trust-domain: %w", err)
	}
	served, err := load(td, c)
	if err != nil {
		return nil, err
	}
	published, removed, err := loadAuthorities(td, c.authorities)
	if err != nil {
		return nil, fmt.Errorf("--authorities: %w", err)
	}

	var differences []string
	for k, keyID := range served {
		if !published[k] {
			differences = append(differences, strings.TrimSpace("not known to anchorwatch: "+k.String()+" "+keyID))
		}
	}
	for k := range published {
		if _, ok := served[k]; !ok {
			differences = append(differences, "not in the bundle: "+k.String())
		}
	}
	for _, fingerprint := range strings.FieldsFunc(c.removed, func(r rune) bool { return r == ',' }) {
		if !removed[fingerprint] {
			differences = append(differences, "not known as removed: "+fingerprint)
		}
	}
	slices.Sort(differences)
	return differences, nil
}

// load gives the keys that are served, by a bundle or by what poll printed.
func load(td spiffeid.TrustDomain, c config) (map[key]string, error) {
	if c.polled != "" {
		keys, err := loadPolled(td, c.polled)
		if err != nil {
			return nil, fmt.Errorf("--polled: %w", err)
		}
		return keys, nil
	}
	keys, err := loadBundle(td, c.bundle)
	if err != nil {
		return nil, fmt.Errorf("--bundle: %w", err)
	}
	return keys, nil
}

// loadPolled gives the keys that poll read, with their key IDs.
func loadPolled(td spiffeid.TrustDomain, path string) (map[key]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var polled struct {
		TrustDomain string                `json:"trust_domain"`
		Authorities []authority.Authority `json:"authorities"`
	}
	if err := json.Unmarshal(data, &polled); err != nil {
		return nil, err
	}
	if polled.TrustDomain != td.Name() {
		return nil, fmt.Errorf("it is of %s", polled.TrustDomain)
	}
	keys := make(map[key]string, len(polled.Authorities))
	for _, a := range polled.Authorities {
		keys[key{a.Use, a.Fingerprint}] = a.KeyID
	}
	return keys, nil
}

// loadBundle gives the keys of a bundle with their key IDs.
func loadBundle(td spiffeid.TrustDomain, path string) (map[key]string, error) {
	bundle, err := spiffebundle.Load(td, path)
	if err != nil {
		return nil, err
	}
	list, err := authority.List(bundle)
	if err != nil {
		return nil, err
	}
	keys := make(map[key]string, len(list))
	for _, a := range list {
		keys[key{a.Use, a.Fingerprint}] = a.KeyID
	}
	return keys, nil
}

// loadAuthorities gives the published keys of a trust domain, and the
// fingerprints of its removed ones.
func loadAuthorities(td spiffeid.TrustDomain, path string) (published map[key]bool, removed map[string]bool, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	var records []record
	if err := json.Unmarshal(data, &records); err != nil {
		return nil, nil, err
	}
	published, removed = map[key]bool{}, map[string]bool{}
	for _, r := range records {
		if r.TrustDomain != td.Name() {
			continue
		}
		if r.Use == "" || r.Fingerprint == "" {
			return nil, nil, errors.New("an entry without use or fingerprint")
		}
		if r.Removed == nil {
			published[key{r.Use, r.Fingerprint}] = true
		} else {
			removed[r.Fingerprint] = true
		}
	}
	return published, removed, nil
}
