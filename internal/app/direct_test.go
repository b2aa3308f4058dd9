package app_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"envoyd/internal/app"
	"envoyd/internal/config"
	"envoyd/internal/fault"
)

// silent listens and answers nothing; it calls met with each connection, and
// left once the other side has given it up.
func silent(t *testing.T, met, left func()) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			met()
			go func() {
				_, _ = io.Copy(io.Discard, conn)
				left()
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func direct(t *testing.T, text string) *app.Direct {
	t.Helper()
	cfg, err := config.Parse("test", fmt.Appendf([]byte(text), "\nstore: {path: %q}\n", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	d, err := app.OpenDirect(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// One gateway that hangs must not use up the time of the others.
func TestGatewaysAreReadAtTheSameTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var first, second atomic.Bool
	both := func() {
		if first.Load() && second.Load() {
			cancel()
		}
	}
	alone := func() {
		if !first.Load() || !second.Load() {
			t.Error("one gateway was given up before the other was asked")
		}
	}
	d := direct(t, fmt.Sprintf("gateways: [{serial: %q, address: %q}, {serial: %q, address: %q}]",
		"122000000001", silent(t, func() { first.Store(true); both() }, alone),
		"122000000002", silent(t, func() { second.Store(true); both() }, alone)))
	results, err := d.Read(ctx)
	if err != nil || len(results) != 2 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	for i, serial := range []string{"122000000001", "122000000002"} {
		if results[i].Serial != serial || results[i].Err == nil {
			t.Errorf("result %d is %+v", i, results[i])
		}
	}
	if !first.Load() || !second.Load() {
		t.Error("not both were asked")
	}
}

// What cannot be shown to the gateway is kept only if there is nothing better,
// and only one of the two is said.
func TestATokenPastedWhileTheGatewayIsAway(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.Close() // now nobody listens there
	d := direct(t, fmt.Sprintf("gateways: [{serial: %q, address: %q}]", "122000000001", dead.Addr()))
	if _, err := d.SetToken(t.Context(), pasted("first")); err != nil {
		t.Fatalf("there was none: %v", err)
	}
	_, err = d.SetToken(t.Context(), pasted("second"))
	if err == nil || !strings.Contains(err.Error(), "refused") || !strings.Contains(fault.Mend(err), "the present one, which can be used, stays") {
		t.Errorf("there was one: %v, mend %q", err, fault.Mend(err))
	}
}

// pasted makes a token of the owner of gateway 122000000001.
func pasted(id string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	now := time.Now().Unix()
	return b64([]byte(`{"alg":"ES256"}`)) + "." +
		b64(fmt.Appendf(nil, `{"aud":"122000000001","enphaseUser":"owner","iat":%d,"exp":%d,"jti":%q}`, now, now+86400*365, id)) + "." +
		b64([]byte("the-signature"))
}
