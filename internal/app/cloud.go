package app

import (
	"context"
	"net/http"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/config"

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
