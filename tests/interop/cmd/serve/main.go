// Serve publishes a SPIFFE bundle with go-spiffe's federation handler on
// loopback, over https_spiffe and https_web at once.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/federation"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"

	"anchorwatch.example/interop/internal/mint"
)

const usage = `Serve a SPIFFE bundle with go-spiffe's federation handler on loopback, over https_spiffe and https_web at once.
The keys are made at the start; what a client needs to authenticate the endpoints is written to --dir.
When both listen, one JSON line is printed:
{"trust_domain", "https_spiffe_url", "https_web_url", "endpoint_spiffe_id", "bootstrap", "bootstrap_pem", "web_ca"}
It ends on SIGTERM or SIGINT, or when stdin is a pipe and is closed.

  serve --dir /tmp/interop --key-type rsa-2048 --authorities 8

`

const (
	caTTL   = 24 * time.Hour
	leafTTL = time.Hour
)

type config struct {
	dir         string
	trustDomain string
	keyType     string
	authorities int
	sequence    uint64
	refreshHint time.Duration
}

type ready struct {
	TrustDomain      string `json:"trust_domain"`
	HTTPSSPIFFEURL   string `json:"https_spiffe_url"`
	HTTPSWebURL      string `json:"https_web_url"`
	EndpointSPIFFEID string `json:"endpoint_spiffe_id"`
	Bootstrap        string `json:"bootstrap"`
	BootstrapPEM     string `json:"bootstrap_pem"`
	WebCA            string `json:"web_ca"`
}

func main() {
	var c config
	flag.StringVar(&c.dir, "dir", "", "`directory` for the bootstrap bundles and the web CA (required)")
	flag.StringVar(&c.trustDomain, "trust-domain", "interop.example", "trust domain")
	flag.StringVar(&c.keyType, "key-type", string(mint.ECP256), "key type of the X.509 authorities and the endpoints: ec-p256, ec-p384 or rsa-2048")
	flag.IntVar(&c.authorities, "authorities", 8, "number of authorities: half X.509, the rest JWT")
	flag.Uint64Var(&c.sequence, "sequence", 7, "sequence number")
	flag.DurationVar(&c.refreshHint, "refresh-hint", 5*time.Minute, "refresh hint")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c config) error {
	td, err := spiffeid.TrustDomainFromString(c.trustDomain)
	if err != nil {
		return fmt.Errorf("--trust-domain: %w", err)
	}
	if c.dir == "" {
		return errors.New("--dir: required")
	}
	if c.authorities < 2 {
		return errors.New("--authorities: at least one X.509 and one JWT authority are needed")
	}

	bundle, ca, err := newBundle(td, c)
	if err != nil {
		return err
	}
	svid, err := newServerSVID(td, ca, mint.KeyType(c.keyType))
	if err != nil {
		return err
	}
	webCA, webCert, err := newWebCert(mint.KeyType(c.keyType))
	if err != nil {
		return err
	}
	handler, err := federation.NewHandler(td, bundle)
	if err != nil {
		return err
	}

	line := ready{
		TrustDomain:      td.Name(),
		EndpointSPIFFEID: svid.ID.String(),
		Bootstrap:        filepath.Join(c.dir, "bundle.json"),
		BootstrapPEM:     filepath.Join(c.dir, "bundle.pem"),
		WebCA:            filepath.Join(c.dir, "web-ca.pem"),
	}
	document, err := bundle.Marshal()
	if err != nil {
		return err
	}
	for path, data := range map[string][]byte{
		line.Bootstrap:    document,
		line.BootstrapPEM: mint.PEM(bundle.X509Authorities()...),
		line.WebCA:        mint.PEM(webCA),
	} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}

	failed := make(chan error, 2)
	if line.HTTPSSPIFFEURL, err = serve(handler, tlsconfig.TLSServerConfig(svid), failed); err != nil {
		return err
	}
	webConfig := &tls.Config{Certificates: []tls.Certificate{webCert}, MinVersion: tls.VersionTLS12}
	if line.HTTPSWebURL, err = serve(handler, webConfig, failed); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		return err
	}

	select {
	case err := <-failed:
		return err
	case <-stdinClosed():
	case <-ctx.Done():
	}
	return nil
}

// newBundle makes the bundle, and gives the newest X.509 authority to sign with.
// The X.509 authorities are half a lifetime apart, so the older ones have
// expired, as in a bundle that SPIRE serves.
func newBundle(td spiffeid.TrustDomain, c config) (*spiffebundle.Bundle, *mint.CA, error) {
	bundle := spiffebundle.New(td)
	bundle.SetSequenceNumber(c.sequence)
	bundle.SetRefreshHint(c.refreshHint)

	var newest *mint.CA
	for age := c.authorities/2 - 1; age >= 0; age-- {
		key, err := mint.NewKey(mint.KeyType(c.keyType))
		if err != nil {
			return nil, nil, err
		}
		signedAt := time.Now().Add(-time.Duration(age) * caTTL / 2)
		if newest, err = mint.NewCA(td, key, signedAt, caTTL); err != nil {
			return nil, nil, err
		}
		bundle.AddX509Authority(newest.Cert)
	}

	types := []mint.KeyType{mint.ECP256, mint.ECP384, mint.RSA2048}
	for i := range c.authorities - c.authorities/2 {
		key, err := mint.NewKey(types[i%len(types)])
		if err != nil {
			return nil, nil, err
		}
		if err := bundle.AddJWTAuthority(mint.NewKeyID(), key.Public()); err != nil {
			return nil, nil, err
		}
	}
	return bundle, newest, nil
}

// newServerSVID issues what a SPIRE server shows at its https_spiffe endpoint.
func newServerSVID(td spiffeid.TrustDomain, ca *mint.CA, t mint.KeyType) (*x509svid.SVID, error) {
	id, err := spiffeid.FromPath(td, "/spire/server")
	if err != nil {
		return nil, err
	}
	key, err := mint.NewKey(t)
	if err != nil {
		return nil, err
	}
	cert, err := ca.Sign(x509.Certificate{
		Subject: pkix.Name{Country: []string{"US"}, Organization: []string{"SPIRE"}},
		URIs:    []*url.URL{id.URL()},
	}, key.Public(), leafTTL)
	if err != nil {
		return nil, err
	}
	return &x509svid.SVID{ID: id, Certificates: []*x509.Certificate{cert}, PrivateKey: key}, nil
}

// newWebCert issues a certificate for loopback under a CA of its own.
func newWebCert(t mint.KeyType) (*x509.Certificate, tls.Certificate, error) {
	caKey, err := mint.NewKey(t)
	if err != nil {
		return nil, tls.Certificate{}, err
	}
	ca, err := mint.NewWebCA(caKey, caTTL)
	if err != nil {
		return nil, tls.Certificate{}, err
	}
	key, err := mint.NewKey(t)
	if err != nil {
		return nil, tls.Certificate{}, err
	}
	cert, err := ca.Sign(x509.Certificate{
		Subject:     pkix.Name{CommonName: "localhost"},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, key.Public(), leafTTL)
	if err != nil {
		return nil, tls.Certificate{}, err
	}
	return ca.Cert, tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}, nil
}

// serve starts a server on a free port and gives its URL.
func serve(handler http.Handler, config *tls.Config, failed chan<- error) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: handler, TLSConfig: config, ReadHeaderTimeout: 10 * time.Second}
	go func() { failed <- server.ServeTLS(listener, "", "") }()
	return "https://" + listener.Addr().String() + "/", nil
}

// stdinClosed reports the end of stdin when that is a pipe. A terminal or
// /dev/null says nothing about whoever started this process.
func stdinClosed() <-chan struct{} {
	closed := make(chan struct{})
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0 {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(closed)
		}()
	}
	return closed
}
