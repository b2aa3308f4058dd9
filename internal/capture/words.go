package capture

// vocabulary are the words that names of fields may be made of: those of every
// page seen so far, and what else this trade may name a field by. A name with
// any other word in it is replaced.
const vocabulary = `
	a above ac acb accessory acdc ack act action active address adjusted admin afci agf agg aggregate alarm alert alerts
	allow allowed alternate amps angle ap api apiver app apparent apprnt apprntpwr arc ars as asic assembly at ats attempt
	attempts auth avail available average avg b backbone backfeed backup balance balanced bat batt batteries battery below
	bias black block blocked bm bmu boiler boot bootloader breaker breakers broken build bus busbar by cabinet cache
	calibration cap capability capacity carrier cause cc cd ce cell cells certified cfg chan chaneid changed channel
	channels charge charger chargers charging chcon chctf check chg chng chobs chtype city class clock closed cloud cmd
	cnt code coil cold collar collected collector com combiner comm commission commissioned communicating config
	configured connect connected connection cons consumption cont contact contactor contactors contacts control controller
	conv cool cooling count counter counters country crank created ct ctcon ctctf ctobs ctrl cts cum cumulative curr
	currency current curtail curtailed curtailment curve cv cycle cycles daily data date dawn day days db dc dcdc debug
	default degraded delivered delta demand deny der derate derated dev device deviceid devices devimg devobs dhcp
	diagnostic direction disable discharge discharging dischg disconnect disconnected distortion dlvd dmdl dmir done
	dongle down droop droops drop dropped dry dtype duration dusk duty eca ecagt edcon efficiency eid eim email enable
	enabled enc encharge enchg end energy engine enlighten enp enpwr entry envoy eol epoch err error esr ess essential
	essimg esub euaid ev event events ever evse exc exercise exit export exported exporting ext external f factor fail
	failed failure fake fakeit fall fan fault faults ffuimg field fields filename files finished firmware flags flow
	forced fp fraction freq frequency fri from frozen fsm fuel full fuse fw g gain gateway gen generator generators geo
	get gfci gficlearset ghz gmt gone grant grid gross ground gw handle hard hardware health heat heating hello hems hex
	high hostname hot hour hours humidity hw hysteresis hz i ibl id ids idx ignored imeter img impedance import imported
	importing in index indexed info init injection inm input insert installed instantaneous insulation interface
	interfaces interval inv inventory inverter inverters inverting ip irradiance is island islanded isolated issi item
	items joules kernel key kind kva kvah kvar kvarh kw kwh l lag lagg lagging last lat latitude ld lead leading leak
	leakage led leg legs level lifetime lifetimes limit limitation line lines link list live ll load loading loads
	location lock locked logger lon longitude loss lost low lvs mac main mains mamp manual manufacturer max maximum mdl
	mean measure measured measurement measurements mega memory message meta meter metering meterlog meters method mhz
	micro microinverter microinverters mid min minimum mins minute minutes missed missing mlpe mobile mod mode model
	modgone module modules mon month monthly more mppt mqtt ms msg must mva mvar mvolt mw mwh n name nameplate nan native
	nb neg netted network neutral new night nm no noise nominal nonvoy not notfound now nsec nsrb null num number numrows
	nums obj ocv off offgrid offset offsite ok old on one online onsite oor op open oper operating operation opt optimizer
	option options or order origin outage output overload override owner p pack package packages packs panel parallel
	parent part partial password past pct pcu peak peaks pebi pel pending perc percent percentage perf period periods pf
	phase phaseb phasec phases phone pin ping pkgsec plan plate plc plug pn pnum polarity poll pool port ports pos
	position post power powers present prev previous price primary priority procload prod produced producing production
	profile progress prop prov provisioned ptpn pulse pump pv pvs pwr q quality quantity queue queued r rack radio ramp
	range rapid rate rated rating ratio raw rcd rcvd react reactive reading readings ready real reason reboot rec received
	reconnect record records recovery reduced reference region regulation relay relays release remote removed report
	reported reports req request requested reserve reserved reset residual resolution resp response rest restart result
	retried retries retry rev reverse revision rgm ride rise rms role rollover rootfs rows rpm rpt rsp rssi rt rtt rule
	run running rx rxmsg s safe sample samples sat save scale sched schedule schedules seasons sec secctrl second
	secondary seconds secs security select sell send seq seqnum sequence serial series session set setting settings seven
	shutdown sign signal single site size skipped sleep slot sn snr soc soft software soh solar source spare speed spike
	srt ssid stack stage stale standby start started state stateful status step steps stop stopped storage str stream
	streamdata streaming street strength string strings sub subg submod submodule submodules subtotal success sum summary
	sun sunrise sunset supported surplus sw swift switch sync synced system table tail tariff task tasks temp temperature
	temperatures test thd threshold through thu tick ticks tiers time timeout timer timestamp timezone tns to today toggle
	token tokens total totals tou tracker transaction transfer trip tripped tue tx txmsg txn type udmir unit units unknown
	unlock unused up upd update updated upgrade uptime usage use used user username v va vah valid validity value values
	var varh variable vars vd vehicle ver vers version very virtual vls volt voltage vpp vq vrms w wait wake warm warning
	warnings wat watchdog water watt watts wave web wed week weekly weeks wh wifi window wire wireless wires wiring write
	writes year years yesterday yield zb zero zigbee zip zmq zone
`

// quantities are words that make a field a measurement, a counter, a time or a
// number of the firmware's own (eid), whose number passes with every digit.
const quantities = `
	active amps api apparent apprnt apprntpwr avail available bias bm cap capacity cd ce chan chaneid channel charge count
	counter counters created cum cumulative curr current cycles date day delivered demand discharge dlvd duration ecagt
	eid end energy entry epoch exit export exported ext factor flags freq frequency hz import imported installed
	instantaneous interval joules kva kvah kvar kvarh kw kwh lag lagg lagging ld lead leading lifetime limit load loading
	mamp max mhz min msg mva mvar mvolt mw mwh nameplate neg noise now offset pct perc percent pf poll power price pwr
	rate rated rating rcvd react reactive reading received report reported rest rms rpt rssi rxmsg sell seven soc soh
	start streamdata sum temp temperature thd tick time timestamp today total txmsg update updated uptime used va vah var
	varh vars vd volt voltage vq vrms watt watts week wh yesterday zero zmq
`

// personal are words of fields about a person, a place, a network or a secret.
// Nothing in them passes, not even a number.
const personal = `
	account addr address apartment apt birth birthday bssid city company cookie coord coordinate coordinates country
	county credential credentials customer email essid geo gps gsm hostname house iccid imei imeid imsi installer ip
	ipaddr jwt lat latitude latlng lng location lon longitude mac mail mdn mobile msisdn nonce otp owner pass passcode
	passphrase passwd password people person phone pin plz position postal postalcode postcode psk pwd resident secret
	session sessionid sim site ssid street surname tel telephone tenant token user userid username wpa zip zipcode
`
