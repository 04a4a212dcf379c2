// Append adds an authority to the own bundle of a SPIRE server over its admin
// socket, which no command of SPIRE's does.
package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"anchorwatch.example/interop/internal/authority"
	"anchorwatch.example/interop/internal/mint"
)

const usage = `Add a new authority to the own bundle of a SPIRE server over its admin socket.
The key is thrown away. What was appended is printed as JSON:
{"use", "fingerprint", "kid" (of a JWT key), "expires_at", "sequence" (of the bundle, afterwards)}

  append --socket /tmp/spire-server/private/api.sock --kind jwt --ttl 6m --kid planted
  append --socket /tmp/spire-server/private/api.sock --kind x509

`

const (
	defaultJWTTTL  = 24 * time.Hour
	defaultX509TTL = 10 * 365 * 24 * time.Hour
	deadline       = 10 * time.Second
)

type config struct {
	socket string
	kind   string
	ttl    time.Duration
	keyID  string
}

type appended struct {
	authority.Authority
	ExpiresAt time.Time `json:"expires_at"`
	Sequence  uint64    `json:"sequence"`
}

func main() {
	var c config
	flag.StringVar(&c.socket, "socket", "/tmp/spire-server/private/api.sock", "`path` of the server's admin socket")
	flag.StringVar(&c.kind, "kind", "jwt", "what to append: a jwt key, or an x509 root in SPIRE's shape")
	flag.DurationVar(&c.ttl, "ttl", 0, "lifetime (left out: 24h of a JWT key, ten years of a root)")
	flag.StringVar(&c.keyID, "kid", "", "key ID of the JWT key (left out: random, in SPIRE's shape)")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()

	if err := run(c); err != nil {
		fmt.Fprintln(os.Stderr, "append:", err)
		os.Exit(1)
	}
}

func run(c config) error {
	socket, err := filepath.Abs(c.socket)
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	client := bundlev1.NewBundleClient(conn)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()

	request := &bundlev1.AppendBundleRequest{OutputMask: &types.BundleMask{SequenceNumber: true}}
	var result appended
	switch c.kind {
	case "jwt":
		result, err = c.addJWTKey(request)
	case "x509":
		result, err = c.addRoot(ctx, client, request)
	default:
		err = fmt.Errorf("--kind: %q is neither jwt nor x509", c.kind)
	}
	if err != nil {
		return err
	}
	bundle, err := client.AppendBundle(ctx, request)
	if err != nil {
		return err
	}
	result.Sequence = bundle.GetSequenceNumber()
	return json.NewEncoder(os.Stdout).Encode(result)
}

// addJWTKey puts a new JWT key into the request.
func (c config) addJWTKey(request *bundlev1.AppendBundleRequest) (appended, error) {
	if c.keyID == "" {
		c.keyID = mint.NewKeyID()
	}
	key, err := mint.NewKey(mint.ECP256)
	if err != nil {
		return appended{}, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return appended{}, err
	}
	name, err := authority.FromKey(authority.JWTSVID, c.keyID, key.Public())
	if err != nil {
		return appended{}, err
	}
	expiresAt := time.Now().Add(cmp.Or(c.ttl, defaultJWTTTL))
	request.JwtAuthorities = []*types.JWTKey{{PublicKey: spki, KeyId: c.keyID, ExpiresAt: expiresAt.Unix()}}
	return appended{Authority: name, ExpiresAt: expiresAt.UTC().Truncate(time.Second)}, nil
}

// addRoot puts a new root of the server's own trust domain into the request.
func (c config) addRoot(ctx context.Context, client bundlev1.BundleClient, request *bundlev1.AppendBundleRequest) (appended, error) {
	own, err := client.GetBundle(ctx, &bundlev1.GetBundleRequest{OutputMask: &types.BundleMask{}})
	if err != nil {
		return appended{}, err
	}
	td, err := spiffeid.TrustDomainFromString(own.GetTrustDomain())
	if err != nil {
		return appended{}, err
	}
	key, err := mint.NewKey(mint.ECP256)
	if err != nil {
		return appended{}, err
	}
	ca, err := mint.NewCA(td, key, time.Now(), cmp.Or(c.ttl, defaultX509TTL))
	if err != nil {
		return appended{}, err
	}
	request.X509Authorities = []*types.X509Certificate{{Asn1: ca.Cert.Raw}}
	return appended{Authority: authority.FromX509(ca.Cert), ExpiresAt: ca.Cert.NotAfter}, nil
}
