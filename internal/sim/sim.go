// Package sim is a simulated home with an Enphase gateway, for demos and tests:
// everything envoyd talks to, on loopback, misbehaving on demand.
//
// It is made of parts that know little of each other: home (physics), page (a
// gateway's documents), replay (recordings), gateway (the HTTP face and its
// logins), account (the vendor's web login and token service), cloud (its
// Monitoring API), broker (MQTT), announce (mDNS) and fault (switches). This
// package puts them together.
//
// Tests use Start and the Sim's methods; programs use cmd/envoysim. It is never
// part of the product.
package sim

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"envoyd/internal/sim/account"
	"envoyd/internal/sim/announce"
	"envoyd/internal/sim/broker"
	"envoyd/internal/sim/cloud"
	"envoyd/internal/sim/fault"
	"envoyd/internal/sim/gateway"
	"envoyd/internal/sim/home"
	"envoyd/internal/sim/jwt"
	"envoyd/internal/sim/page"
	"envoyd/internal/sim/replay"
	"envoyd/internal/sim/site"
)

// DefaultSerial is the gateway's serial when none is given.
const DefaultSerial = "122333444555"

// DefaultFirmware is the modelled gateway's.
const DefaultFirmware = "8.2.4345"

// User is whom tokens are issued for, and who can log in to the account.
const User = account.Email

// Config says which home is simulated. The zero value is the default home on a
// free port of loopback.
type Config struct {
	Listen         string                          // of the gateway; "" = 127.0.0.1:0
	Listener       net.Listener                    // instead of Listen, for tests without a network
	Serial         string                          // 12 digits; "" = DefaultSerial, or the recorded one
	Capture        string                          // folder to replay instead of a modelled home
	Preset         Preset                          // modelled home; the zero value is MeteredBattery
	Home           home.Config                     // details of the modelled home; the preset fills in what is zero
	Firmware       string                          // of the modelled gateway; "" = the preset's
	CTs            []string                        // enabled ones of the modelled gateway; nil = the preset's
	Latency        time.Duration                   // of native pages; slow ones take ten times that; 0 = none
	Strict         bool                            // from firmware 7 on want the session cookie with each request
	CertLife       time.Duration                   // of the gateway's certificate; 0 = a year
	Accept         []string                        // tokens that are good whatever they say, besides those of Sim.Tokens
	Cloud          string                          // address of the token service; "" = none, port 0 = a free one
	CloudTLS       bool                            // the token service speaks TLS, see account.Service.CA
	CloudOn        net.Listener                    // instead of Cloud, for tests without a network
	API            cloud.Config                    // details of the Monitoring API beside the token service; the home fills in the rest
	Broker         string                          // address of the MQTT broker; "" = none, port 0 = a free one
	BrokerListener net.Listener                    // instead of Broker
	Alter          func(gateway.Site) gateway.Site // stands between what the gateway shows and its readers; nil = nothing does
	MDNS           bool                            // announce the gateway; refused on a real network
	Log            *slog.Logger                    // nil = silent
}

// Sim is a running simulated home. Close it.
type Sim struct {
	Gateway *gateway.Gateway // the HTTP face, its address and switches
	Home    *home.Home       // nil with a capture
	Pages   *page.Gateway    // nil with a capture
	Tokens  *jwt.Issuer      // signs what the gateway accepts
	Account *account.Service // nil without Config.Cloud
	Cloud   *cloud.Cloud     // the Monitoring API at Account.URL; nil without Config.Cloud or with a capture
	Broker  *broker.Broker   // nil without Config.Broker

	cfg    Config
	site   gateway.Site
	faults *fault.Switches
	close  []func() error

	mu        sync.Mutex
	announced *announce.Announcement
}

// Start builds the home and begins to listen.
func Start(cfg Config) (*Sim, error) {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	tokens, err := jwt.NewIssuer()
	if err != nil {
		return nil, err
	}
	s := &Sim{cfg: cfg, Tokens: tokens, faults: &fault.Switches{}}
	if err := s.build(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if cfg.Alter != nil {
		s.site = cfg.Alter(s.site)
	}
	s.Gateway, err = gateway.New(gateway.Config{
		Address: cfg.Listen, Listener: cfg.Listener, Site: s.site, Accept: s.accept, Strict: cfg.Strict,
		Latency: cfg.Latency, CertLife: cfg.CertLife, Faults: s.faults, Actions: s.actions(), Moved: s.moved, Log: cfg.Log,
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.close = append(s.close, s.Gateway.Close)
	if err := s.surround(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// surround starts what stands around the gateway.
func (s *Sim) surround() error {
	if s.cfg.Cloud != "" || s.cfg.CloudOn != nil {
		if err := s.vendor(); err != nil {
			return err
		}
	}
	if s.cfg.Broker != "" || s.cfg.BrokerListener != nil {
		b, err := broker.New(broker.Config{Address: s.cfg.Broker, Listener: s.cfg.BrokerListener, Log: s.cfg.Log})
		if err != nil {
			return err
		}
		s.Broker, s.close = b, append(s.close, b.Close)
	}
	if s.cfg.MDNS {
		s.close = append(s.close, s.silence)
		return s.announce(s.Gateway.Addr())
	}
	return nil
}

// vendor starts the token service and, where there is a home to tell of, the
// Monitoring API beside it.
func (s *Sim) vendor() error {
	service, err := account.New(account.Config{
		Address: s.cfg.Cloud, Listener: s.cfg.CloudOn, TLS: s.cfg.CloudTLS, Tokens: s.Tokens,
		Gateways: []string{s.Identity().Serial}, Log: s.cfg.Log,
	})
	if err != nil {
		return err
	}
	s.Account, s.close = service, append(s.close, service.Close)
	if s.Home == nil {
		return nil
	}
	api := s.cfg.API
	api.Home, api.Identity, api.Login, api.Log = s.Home, s.Identity, service.Knows, s.cfg.Log
	api.Production, api.Consumption = slices.Contains(s.cfg.CTs, page.Production), ""
	switch {
	case slices.Contains(s.cfg.CTs, page.Net):
		api.Consumption = cloud.Net
	case slices.Contains(s.cfg.CTs, page.Total):
		api.Consumption = cloud.Total
	}
	s.Cloud = cloud.New(api)
	s.Cloud.Mount(service.Mount)
	return nil
}

// announce makes the gateway known at an address, and no longer at another.
func (s *Sim) announce(address string) error {
	if err := s.silence(); err != nil {
		return err
	}
	id := s.Identity()
	a, err := announce.Start(announce.Config{Address: address, Serial: id.Serial, Firmware: id.Firmware})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.announced = a
	return nil
}

// silence ends the announcement, if there is one.
func (s *Sim) silence() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.announced == nil {
		return nil
	}
	err := s.announced.Close()
	s.announced = nil
	return err
}

// moved lets the announcement follow the gateway.
func (s *Sim) moved(address string) {
	if !s.cfg.MDNS {
		return
	}
	if err := s.announce(address); err != nil && s.cfg.Log != nil {
		s.cfg.Log.Error("gateway is not announced at its new address", "error", err)
	}
}

// build makes what the gateway shows.
func (s *Sim) build() error {
	if s.cfg.Capture != "" {
		folder, err := replay.Open(s.cfg.Capture, s.cfg.Serial)
		if err != nil {
			return err
		}
		s.site, s.close = folder, append(s.close, folder.Close)
		return nil
	}
	if s.cfg.Serial == "" {
		s.cfg.Serial = DefaultSerial
	}
	model := s.cfg.Preset.model()
	if s.cfg.Firmware != "" {
		model.page.Firmware = s.cfg.Firmware
	}
	if s.cfg.CTs != nil {
		model.page.CTs = s.cfg.CTs
	}
	s.cfg.CTs = model.page.CTs
	s.Home = home.New(model.home(s.cfg.Home))
	model.page.Home, model.page.Serial, model.page.Faults = s.Home, s.cfg.Serial, s.faults
	s.Pages = page.New(model.page)
	s.site = s.Pages
	return nil
}

// accept decides about a token the way the gateway does. With a recording any
// well-formed one for the serial is good: programs bring their own.
func (s *Sim) accept(token string) error {
	if slices.Contains(s.cfg.Accept, token) {
		return nil
	}
	check := s.Tokens.Verify
	if s.cfg.Capture != "" {
		check = jwt.Parse
	}
	claims, err := check(token)
	if err != nil {
		return err
	}
	return claims.Check(s.Identity().Serial, time.Now())
}

// Identity is what the gateway says of itself now.
func (s *Sim) Identity() site.Identity { return s.site.Identity() }

// Token issues an owner token for this gateway.
func (s *Sim) Token() string { return s.issue(s.Identity().Serial, jwt.Owner) }

// InstallerToken issues one that is valid for 12 hours.
func (s *Sim) InstallerToken() string { return s.issue(s.Identity().Serial, jwt.Installer) }

// ForeignToken issues one for another gateway.
func (s *Sim) ForeignToken() string { return s.issue("999999999999", jwt.Owner) }

func (s *Sim) issue(serial, role string) string {
	token, err := s.Tokens.Issue(serial, role, User)
	if err != nil {
		panic("a token could not be signed: " + err.Error())
	}
	return token
}

// Truth tells what really was at t. Without a modelled home it is empty.
func (s *Sim) Truth(t time.Time) home.Truth {
	if s.Home == nil {
		return home.Truth{}
	}
	return s.Home.Truth(t)
}

// Fault throws a switch.
func (s *Sim) Fault(kind fault.Kind, o fault.Options) { s.Gateway.Throw(kind, o) }

// Restart is what a power cycle looks like: connections and sessions are gone,
// and for a while all numbers are zero.
func (s *Sim) Restart(zeros time.Duration) {
	s.Gateway.DropSessions()
	s.Gateway.DropConnections()
	if zeros > 0 {
		s.Gateway.Throw(fault.Zeros, fault.Options{For: zeros})
	}
}

// Close ends everything and waits for it.
func (s *Sim) Close() error {
	var all []error
	for i := len(s.close) - 1; i >= 0; i-- {
		all = append(all, s.close[i]())
	}
	s.close = nil
	if err := errors.Join(all...); err != nil {
		return fmt.Errorf("closing the simulated home: %w", err)
	}
	return nil
}
