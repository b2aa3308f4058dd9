package gateway

import (
	"crypto/md5" //nolint:gosec // RFC 2617, as the old firmware speaks it
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Digest login of firmware 3.9 to 6.x.
const (
	realm      = "enphaseenergy.com"
	digestUser = "envoy"
	nonceLife  = 5 * time.Minute
)

// digest remembers the nonces it gave out.
type digest struct {
	password string

	mu     sync.Mutex
	nonces map[string]time.Time
}

// challenge is the WWW-Authenticate header with a fresh nonce.
func (d *digest) challenge(stale bool) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.nonces == nil {
		d.nonces = map[string]time.Time{}
	}
	nonce := base64.StdEncoding.EncodeToString([]byte(strconv.FormatInt(time.Now().UnixNano(), 36)))
	d.nonces[nonce] = time.Now()
	header := fmt.Sprintf("Digest qop=\"auth\", realm=%q, nonce=%q", realm, nonce)
	if stale {
		header += ", stale=true"
	}
	return header
}

// forget makes every nonce stale.
func (d *digest) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.nonces)
}

// check reports whether a request carries a good login, and whether it would
// have been good with a newer nonce.
func (d *digest) check(r *http.Request) (ok, stale bool) {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Digest") {
		return false, false
	}
	p := parameters(rest)
	if p["username"] != digestUser || p["realm"] != realm || p["qop"] != "auth" || p["uri"] != r.URL.RequestURI() {
		return false, false
	}
	first := sum(digestUser + ":" + realm + ":" + d.password)
	second := sum(r.Method + ":" + p["uri"])
	want := sum(strings.Join([]string{first, p["nonce"], p["nc"], p["cnonce"], "auth", second}, ":"))
	if p["response"] != want {
		return false, false
	}
	d.mu.Lock()
	given, known := d.nonces[p["nonce"]]
	d.mu.Unlock()
	fresh := known && time.Since(given) < nonceLife
	return fresh, !fresh
}

// parameters reads a="b", c=d lists.
func parameters(s string) map[string]string {
	out := map[string]string{}
	for part := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		out[strings.ToLower(name)] = strings.Trim(value, `"`)
	}
	return out
}

func sum(s string) string {
	h := md5.Sum([]byte(s)) //nolint:gosec // as above
	return hex.EncodeToString(h[:])
}
