// Poll reads a bundle endpoint with go-spiffe's FetchBundle and prints the
// authorities that go-spiffe found there.
package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/federation"
	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"anchorwatch.example/interop/internal/authority"
)

const usage = `Fetch a bundle with go-spiffe's federation.FetchBundle and print it as JSON:
{"trust_domain", "sequence", "refresh_hint" (seconds), "authorities": [{"use", "fingerprint", "kid"}]}
A sequence number or refresh hint that is not served is null.

  poll --trust-domain a.example --url https://127.0.0.1:8443 --profile https_spiffe \
       --endpoint-id spiffe://a.example/spire/server --bootstrap a.bundle.json
  poll --trust-domain a.example --url https://localhost:8444 --profile https_web --web-ca ca.pem

With --repeat N it fetches N times, each over a new connection, and prints what that cost as JSON on stderr:
{"polls", "cpu_seconds", "cpu_seconds_per_poll", "wall_seconds"}

`

type config struct {
	trustDomain string
	url         string
	profile     string
	endpointID  string
	bootstrap   string
	webCA       string
	timeout     time.Duration
	repeat      int
}

type reading struct {
	TrustDomain string                `json:"trust_domain"`
	Sequence    *uint64               `json:"sequence"`
	RefreshHint *int64                `json:"refresh_hint"`
	Authorities []authority.Authority `json:"authorities"`
}

type cost struct {
	Polls             int     `json:"polls"`
	CPUSeconds        float64 `json:"cpu_seconds"`
	CPUSecondsPerPoll float64 `json:"cpu_seconds_per_poll"`
	WallSeconds       float64 `json:"wall_seconds"`
}

func main() {
	var c config
	flag.StringVar(&c.trustDomain, "trust-domain", "", "trust domain whose bundle is served")
	flag.StringVar(&c.url, "url", "", "bundle endpoint URL")
	flag.StringVar(&c.profile, "profile", "https_spiffe", "endpoint profile: https_spiffe or https_web")
	flag.StringVar(&c.endpointID, "endpoint-id", "", "https_spiffe: the endpoint's SPIFFE ID")
	flag.StringVar(&c.bootstrap, "bootstrap", "", "https_spiffe: `file` with the bundle of the endpoint ID's trust domain, SPIFFE or PEM form")
	flag.StringVar(&c.webCA, "web-ca", "", "https_web: PEM `file` of roots (left out: the system's)")
	flag.DurationVar(&c.timeout, "timeout", 10*time.Second, "deadline of one fetch")
	flag.IntVar(&c.repeat, "repeat", 1, "number of fetches")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()

	if err := run(c); err != nil {
		fmt.Fprintln(os.Stderr, "poll:", err)
		os.Exit(1)
	}
}

func run(c config) error {
	td, err := spiffeid.TrustDomainFromString(c.trustDomain)
	if err != nil {
		return fmt.Errorf("--trust-domain: %w", err)
	}
	if c.repeat < 1 {
		return errors.New("--repeat: must be at least 1")
	}
	auth, err := c.auth()
	if err != nil {
		return err
	}
	// FetchBundle clones this transport and never closes an idle connection.
	http.DefaultTransport.(*http.Transport).DisableKeepAlives = true

	var bundle *spiffebundle.Bundle
	cpu, start := cpuTime(), time.Now()
	for range c.repeat {
		if bundle, err = fetch(c, td, auth); err != nil {
			return err
		}
	}
	spent := cost{
		Polls:       c.repeat,
		CPUSeconds:  (cpuTime() - cpu).Seconds(),
		WallSeconds: time.Since(start).Seconds(),
	}
	spent.CPUSecondsPerPoll = spent.CPUSeconds / float64(spent.Polls)

	read, err := readingOf(bundle)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(read); err != nil {
		return err
	}
	if c.repeat > 1 {
		return json.NewEncoder(os.Stderr).Encode(spent)
	}
	return nil
}

func fetch(c config, td spiffeid.TrustDomain, auth federation.FetchOption) (*spiffebundle.Bundle, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	return federation.FetchBundle(ctx, td, c.url, auth)
}

// auth is how the endpoint is authenticated under the profile.
func (c config) auth() (federation.FetchOption, error) {
	switch c.profile {
	case "https_spiffe":
		id, err := spiffeid.FromString(c.endpointID)
		if err != nil {
			return nil, fmt.Errorf("--endpoint-id: %w", err)
		}
		trust, err := loadBootstrap(id.TrustDomain(), c.bootstrap)
		if err != nil {
			return nil, fmt.Errorf("--bootstrap: %w", err)
		}
		return federation.WithSPIFFEAuth(trust, id), nil
	case "https_web":
		roots, err := loadRoots(c.webCA)
		if err != nil {
			return nil, fmt.Errorf("--web-ca: %w", err)
		}
		return federation.WithWebPKIRoots(roots), nil
	default:
		return nil, fmt.Errorf("--profile: %q is neither https_spiffe nor https_web", c.profile)
	}
}

func loadBootstrap(td spiffeid.TrustDomain, path string) (x509bundle.Source, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("-----BEGIN")) {
		return x509bundle.Parse(td, data)
	}
	return spiffebundle.Parse(td, data)
}

func loadRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return x509.SystemCertPool()
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		return nil, errors.New("no certificate in PEM form")
	}
	return roots, nil
}

func readingOf(bundle *spiffebundle.Bundle) (*reading, error) {
	list, err := authority.List(bundle)
	if err != nil {
		return nil, err
	}
	r := &reading{TrustDomain: bundle.TrustDomain().Name(), Authorities: list}
	if sequence, ok := bundle.SequenceNumber(); ok {
		r.Sequence = &sequence
	}
	if hint, ok := bundle.RefreshHint(); ok {
		seconds := int64(hint / time.Second)
		r.RefreshHint = &seconds
	}
	return r, nil
}

// cpuTime is the user and system time that this process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // it fails for a bad argument only
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
