package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/trust"
)

// Identify asks whoever is at address who it is: for discovery, adoption and
// `envoyd trust`. No secret is sent, nothing is checked and nothing remembered;
// of the answer only Key is proved. HTTPS is tried first, then plain HTTP,
// unless the address is a URL.
//
// Faults: Config for an unusable address, Transient for the rest, with
// ErrNotAGateway when something else answers.
func Identify(ctx context.Context, address string) (Info, error) {
	return identifyWith(ctx, new(net.Dialer).DialContext, address)
}

func identifyWith(ctx context.Context, dial dialFunc, address string) (Info, error) {
	t, err := parseTarget(address)
	if err != nil {
		return Info{}, err
	}
	info, err := identifyTarget(ctx, dial, t)
	if err != nil {
		return Info{}, &fault.Error{Op: "asking " + t.String() + " who it is", Err: err}
	}
	return info, nil
}

func identifyTarget(ctx context.Context, dial dialFunc, t target) (Info, error) {
	if t.scheme != "" {
		return identifyBy(ctx, dial, t)
	}
	info, err := identifyBy(ctx, dial, t.with(schemeHTTPS))
	if _, away := errors.AsType[*dialError](err); !away || ctx.Err() != nil {
		return info, err
	}
	info, perr := identifyBy(ctx, dial, t.with(schemeHTTP))
	if perr != nil {
		return Info{}, fmt.Errorf("by https: %w; by http: %w", err, perr)
	}
	return info, nil
}

func identifyBy(ctx context.Context, dial dialFunc, t target) (Info, error) {
	anyKey := func(string, trust.Key) error { return nil }
	l, err := openLink(ctx, dialer{dial: dial, timeout: 5 * time.Second, check: anyKey}, t)
	if err != nil {
		return Info{}, err
	}
	defer l.close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return l.identify(ctx)
}
