package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/trust"
)

// probe finds the scheme of t: HTTPS, and plain HTTP only when nothing came
// about by HTTPS and the gateway may be spoken to that way.
func (c *Client) probe(ctx context.Context, t target) (Info, error) {
	if t.scheme == schemeHTTP {
		return c.open(ctx, t)
	}
	info, err := c.open(ctx, t.with(schemeHTTPS))
	if _, away := errors.AsType[*dialError](err); !away || t.scheme != "" || ctx.Err() != nil {
		return info, err
	}
	if why := c.noPlainHTTP(); why != "" {
		return Info{}, fmt.Errorf("%w (plain HTTP is not tried: %s)", err, why)
	}
	info, perr := c.open(ctx, t.with(schemeHTTP))
	if perr != nil {
		return Info{}, fmt.Errorf("by https: %w; by http: %w", err, perr)
	}
	return info, nil
}

// noPlainHTTP says why the gateway may not be spoken to by plain HTTP, "" when
// it may.
func (c *Client) noPlainHTTP() string {
	known, _ := c.cfg.Book.Get(c.cfg.Serial)
	switch {
	case known.HTTPS || len(known.Pins) > 0:
		return "it has been seen with HTTPS or firmware 7 or later"
	case len(c.cfg.Pins) > 0:
		return "a certificate is configured for it"
	case !c.cfg.Token().IsZero():
		return "there is a token for it"
	}
	return ""
}

// open connects to t, whose scheme is decided, and checks key and serial. Only
// then the connection becomes the one that is used.
func (c *Client) open(ctx context.Context, t target) (Info, error) {
	if t.scheme == schemeHTTP {
		if err := c.checkPlain(); err != nil {
			return Info{}, err
		}
	}
	l, err := openLink(ctx, c.dialer(), t)
	if err != nil {
		return Info{}, err
	}
	info, err := c.identify(ctx, l)
	if err == nil {
		err = c.accept(l, info)
	} else if fault.Mend(err) == "" {
		err = &fault.Error{
			Kind: fault.KindOf(err), After: fault.After(err), Err: err,
			Mend: "Check that " + l.address + " is the gateway's address. If it is, the gateway hangs or is starting: " +
				"wait some minutes, then switch it off and on.",
		}
	}
	if err != nil {
		l.close()
		return Info{}, err
	}
	c.link, c.target, c.info = l, t, info
	return info, nil
}

func (c *Client) checkPlain() error {
	if why := c.noPlainHTTP(); why != "" {
		return &fault.Error{
			Kind: fault.Security, Err: fmt.Errorf("%w: %s", ErrPlainHTTP, why),
			Mend: "Give the address of gateway " + c.cfg.Serial + " without http://.",
		}
	}
	return nil
}

func (c *Client) dialer() dialer {
	return dialer{
		dial: c.dial, timeout: c.cfg.ConnectTimeout, cache: c.tls,
		check: func(address string, key trust.Key) error {
			return c.cfg.Book.Check(c.cfg.Serial, address, key, c.circumstances())
		},
	}
}

func (c *Client) circumstances() trust.Circumstances {
	return trust.Circumstances{Now: time.Now(), ClockTrusted: c.cfg.ClockTrusted(), Configured: c.cfg.Pins}
}

// identify asks /info over l, without any secret.
func (c *Client) identify(ctx context.Context, l *link) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.NativeTimeout)
	defer cancel()
	return l.identify(ctx)
}

// accept compares the serial that the host at the other end names with the one
// we look for, and remembers the key, the scheme and the firmware.
func (c *Client) accept(l *link, info Info) error {
	if info.Serial != c.cfg.Serial {
		return &fault.Error{
			Kind: fault.Security, Err: fmt.Errorf("%w: %s names the serial %s", ErrOtherSerial, l.address, info.Serial),
			Mend: "Check the address of gateway " + c.cfg.Serial + "; nothing was sent to the other one.",
		}
	}
	before, _ := c.cfg.Book.Get(c.cfg.Serial)
	https := !l.key.IsZero()
	if https {
		if err := c.cfg.Book.Present(c.cfg.Serial, l.address, l.key, c.circumstances()); err != nil {
			return err
		}
	}
	err := c.cfg.Book.Update(c.cfg.Serial, func(e *trust.Entry) {
		e.HTTPS = e.HTTPS || https || info.NeedsToken()
		e.Firmware, e.Address = info.Firmware.String(), l.address
	})
	if err != nil {
		c.log.Warn("gateway not written down", "error", err)
	}
	c.report(before, l, info)
	if !https && info.NeedsToken() {
		return fmt.Errorf("%w: firmware %s answers there, which wants HTTPS", ErrPlainHTTP, info.Firmware)
	}
	return nil
}

// report logs what changed since the gateway was spoken to last.
func (c *Client) report(before trust.Entry, l *link, info Info) {
	after, _ := c.cfg.Book.Get(c.cfg.Serial)
	switch {
	case len(after.Pins) == 0 || len(before.Pins) == 1 && before.Pins[0].SHA256 == l.key.SHA256:
	case len(before.Pins) == 0:
		c.log.Info("gateway key kept", "key", l.key.SHA256, "address", l.address)
	case before.Pins[0].SHA256 != after.Pins[0].SHA256:
		c.log.Warn("gateway key replaced", "key", l.key.SHA256, "was", before.Pins[0].SHA256, "address", l.address)
	}
	if before.Firmware != "" && before.Firmware != info.Firmware.String() {
		c.log.Info("gateway firmware changed", "firmware", info.Firmware.String(), "was", before.Firmware)
	}
}
