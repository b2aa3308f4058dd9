package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/cloud/grant"
	"envoyd/internal/config"
	"envoyd/internal/fault"
	"envoyd/internal/web"

	"golang.org/x/sync/errgroup"
)

// enlightenConfig is cloud.enlighten as the client wants it; dir is the state
// folder.
func enlightenConfig(cfg *config.Config, dir string) enlighten.Config {
	e := &cfg.Cloud.Enlighten
	ec := enlighten.Config{
		App: e.App, ClientID: e.ClientID, ClientSecret: e.ClientSecret, APIKey: e.APIKey,
		Plan: e.Plan, SystemID: e.SystemID, Username: e.Username, Password: e.Password,
		URL: cfg.Endpoints.API, CAFile: cfg.Endpoints.CAFile, Dir: dir,
	}
	if len(cfg.Gateways) > 0 && cfg.Gateways[0].Timezone != "" {
		ec.Zone, _ = time.LoadLocation(cfg.Gateways[0].Timezone) // checked by config
	}
	return ec
}

// withCloud reports whether there is an application to ask the cloud with.
func withCloud(cfg *config.Config) bool { return cfg.Cloud.Enlighten.ClientID != "" }

// openCloud builds the way to the Enlighten cloud; a.cloud stays nil when no
// application is configured.
func (a *App) openCloud() error {
	if !withCloud(a.cfg) {
		return nil
	}
	ec := enlightenConfig(a.cfg, a.state.dir)
	ec.Board, ec.Log = a.board, a.opt.Log
	if a.opt.Dial != nil {
		ec.Transport = &http.Transport{DialContext: a.opt.Dial}
	}
	var err error
	a.cloud, err = enlighten.New(ec)
	return err
}

// startCloud opens the way to the cloud and keeps its grant alive, whether the
// cloud is needed or not. It comes before the parts that use a.cloud.
func (a *App) startCloud(ctx context.Context, g *errgroup.Group) error {
	if err := a.openCloud(); err != nil || a.cloud == nil {
		return err
	}
	g.Go(func() error {
		defer a.cloud.Close()
		a.cloud.Grant().Run(ctx)
		return nil
	})
	return nil
}

// webCloud is the budget of cloud calls for the page and the metrics; nil when
// there is none, or it cannot be read.
func (a *App) webCloud() *web.Cloud {
	if a.cloud == nil {
		return nil
	}
	s, err := a.cloud.Budget().Status()
	if err != nil {
		a.opt.Log.Debug("budget of cloud calls not read", "error", err)
		return nil
	}
	return &web.Cloud{
		Plan: s.Plan, MonthUsed: s.MonthUsed, MonthLimit: s.MonthLimit, MinuteUsed: s.MinuteUsed, MinuteLimit: s.MinuteLimit,
		UsedBy: s.UsedBy, BlockedUntil: s.BlockedUntil,
	}
}

// cloudCheck is what a check of the cloud's credentials found.
type cloudCheck struct {
	System *CloudSystem `json:"system,omitempty"`
	Error  string       `json:"error,omitempty"`
	Mend   string       `json:"mend,omitempty"`
	Budget string       `json:"budget,omitempty"`
	Broken string       `json:"broken,omitempty"` // why there is no budget
}

// checkCloud tries the credentials, three calls or four, and tells what is left.
func (a *App) checkCloud(ctx context.Context) cloudCheck {
	var c cloudCheck
	if a.cloud == nil {
		c.Error, c.Mend = errNoApplication.Error(), errNoApplication.Mend
		return c
	}
	h, err := a.cloud.Check(ctx)
	if err == nil {
		err = a.checkLogin(ctx)
	}
	if err != nil {
		c.Error, c.Mend = err.Error(), fault.Mend(err)
	} else {
		s := systemOf(h)
		c.System = &s
	}
	s, err := a.cloud.Budget().Status()
	if err != nil {
		c.Broken = err.Error()
		return c
	}
	c.Budget = fmt.Sprintf("plan %s: %d of %d calls of this month made, %d of %d in the last minute; %d kept to fill gaps",
		s.Plan, s.MonthUsed, s.MonthLimit, s.MinuteUsed, s.MinuteLimit, s.Reserve)
	if !s.BlockedUntil.IsZero() {
		c.Budget += "; Enphase wants no call before " + s.BlockedUntil.Local().Format("2006-01-02 15:04")
	}
	return c
}

// checkLogin tries an installer's login, which nothing else needs as long as the
// grant lives. What comes of it is kept: it may have ended the grant before.
func (a *App) checkLogin(ctx context.Context) error {
	if a.cfg.Cloud.Enlighten.App != grant.Partner {
		return nil
	}
	o, err := a.cloud.Grant().Login(ctx)
	if err != nil {
		return err
	}
	return a.cloud.Grant().Keep(ctx, o)
}

// checkCloud has the daemon try the cloud's credentials.
func (c *Client) checkCloud(ctx context.Context) (cloudCheck, error) {
	var found cloudCheck
	return found, c.do(ctx, http.MethodPost, "/control/cloud/check", struct{}{}, &found)
}

// cloud tries the credentials of the Enlighten cloud, in the running daemon if
// there is one: it may be the only one who may read the grant.
func (c *checker) cloud(ctx context.Context) []CheckLine {
	const part = "cloud enlighten"
	if !withCloud(c.cfg) {
		return nil
	}
	found, err := c.tryCloud(ctx)
	if err != nil {
		return []CheckLine{lineOf(part, "", err)}
	}
	var lines []CheckLine
	if found.Error != "" {
		lines = append(lines, CheckLine{Part: part, Err: errors.New(found.Error), Mend: found.Mend})
	} else {
		lines = append(lines, lineOf(part, fmt.Sprintf("may be asked for system %d %.60q", found.System.ID, found.System.Name), nil))
	}
	if found.Broken != "" {
		return append(lines, CheckLine{Part: "cloud budget", Err: errors.New(found.Broken), Mend: "Make the state folder readable and writable."})
	}
	return append(lines, lineOf("cloud budget", found.Budget, nil))
}

func (c *checker) tryCloud(ctx context.Context) (cloudCheck, error) {
	client, err := Dial(ctx, c.cfg)
	if err == nil {
		return client.checkCloud(ctx)
	}
	if !errors.Is(err, ErrNoDaemon) {
		return cloudCheck{}, err
	}
	ec := enlightenConfig(c.cfg, c.cfg.StateDir())
	ec.Log = c.log
	way, err := enlighten.New(ec)
	if err != nil {
		return cloudCheck{}, err
	}
	defer way.Close()
	return (&App{cfg: c.cfg, cloud: way}).checkCloud(ctx), nil
}
