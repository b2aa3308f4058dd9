package app

import (
	"context"
	"errors"
	"net/http"
	"time"

	"envoyd/internal/capture"
	"envoyd/internal/fault"
	"envoyd/internal/gateway"
)

// captureTime is the longest a recording may take: three dozen pages, of which
// a dozen may take a minute each, and the pauses between them.
const captureTime = 20 * time.Minute

// recorder lets a recording ask over the gateway's own client, so that it waits
// its turn among the readings and no two requests are ever under way.
type recorder struct{ client *gateway.Client }

// Record asks for a page.
func (r recorder) Record(ctx context.Context, path string, slow bool) (capture.Raw, error) {
	answer, err := r.client.Record(ctx, path, slow)
	return capture.Raw{Status: answer.Status, Header: answer.Header, Body: answer.Body}, err
}

var errAway = &fault.Error{
	Err:  errors.New("the gateway is not connected at present"),
	Mend: "Look at `envoyd check`, and try again when it is read.",
}

// capture records a gateway that is being read. What leaves here is anonymised.
func (a *App) capture(ctx context.Context, serial string) (capture.Recording, error) {
	s, err := a.siteBySerial(serial)
	if err != nil {
		return capture.Recording{}, err
	}
	info, connected := s.collector.Info()
	if !connected {
		return capture.Recording{}, errAway
	}
	return s.record(ctx, info, 0)
}

func (s *site) record(ctx context.Context, info gateway.Info, pause time.Duration) (capture.Recording, error) {
	ctx, cancel := context.WithTimeout(ctx, captureTime)
	defer cancel()
	return capture.Record(ctx, capture.Config{Asker: recorder{s.client}, Firmware: info.Firmware.String(), Pause: pause})
}

// Capture records a gateway; serial may be empty when there is only one.
func (c *Client) Capture(ctx context.Context, serial string) (capture.Recording, error) {
	ctx, cancel := context.WithTimeout(ctx, captureTime)
	defer cancel()
	var r capture.Recording
	return r, c.doWhile(ctx, http.MethodPost, "/control/capture", serialRequest{Serial: serial}, &r)
}

// Capture records a gateway; serial may be empty when there is only one.
func (d *Direct) Capture(ctx context.Context, serial string) (capture.Recording, error) {
	s, err := d.siteFor(ctx, serial)
	if err != nil {
		return capture.Recording{}, err
	}
	if err := s.ensureToken(ctx); err != nil {
		d.app.opt.Log.Debug("no token", "serial", s.cfg.Serial, "error", err)
	}
	info, err := d.app.reach(ctx, s)
	if err != nil {
		return capture.Recording{}, err
	}
	defer s.client.Close()
	return s.record(ctx, info, 0)
}
