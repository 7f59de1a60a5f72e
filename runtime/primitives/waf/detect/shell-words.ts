// Programs that command injections run, in three groups by how much they look like English.

import { literalGroup } from "./characters.ts";

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

function set(text: string): ReadonlySet<string> {
  return new Set(words(text));
}

/** Names that are no English words: after a separator, any argument that is not prose will do. */
export const TECHNICAL: ReadonlySet<string> = set(`
  wget curl whoami ifconfig ipconfig netstat nslookup traceroute tracert tracepath chmod chown chgrp uname hostname
  bash sh zsh ksh csh tcsh dash fish ash rbash busybox python python2 python3 perl ruby php php5 php7 php8 node
  nodejs npm lua luajit irb gcc g++ cc c89 c99 clang gdb gawk mawk nawk awk sed grep egrep fgrep zgrep xargs
  sudo su doas visudo passwd useradd adduser usermod groupadd crontab systemctl journalctl iptables ufw ssh
  scp sftp rsync ftp tftp telnet nc ncat netcat socat nmap ping6 fping hping3 dig getent printenv
  lsof lsmod modprobe dmesg mkfifo mknod mkdir rmdir rm ls ln cp mv dd df du tar gzip gunzip bzip2 bunzip2 xz unxz
  zcat bzcat xzcat zstdcat zstd 7z unzip lwp-download lynx elinks aria2c axel httpie openssl base64
  base32 xxd hexdump od md5sum sha1sum sha256sum nohup setsid strace ltrace setarch unshare nsenter chroot
  docker kubectl podman lxc git svn hg vim emacs nano pico ed ex vi tac nl rev iconv uuencode uudecode uptime
  pwd ps pstree pgrep pkill killall htop lscpu lsblk lspci lsusb lsb_release rmt rmt-tar rmt-dump dpkg apt apt-get
  aptitude yum dnf rpm snap pacman brew pip pip3 gem composer mysql mysqldump psql sqlite3 mongo redis-cli
  ansible ansible-playbook ansible-galaxy ansible-config ansible-console ansible-doc ansible-inventory
  ansible-pull ansible-vault chef-client chef-run chef-shell chef-vault puppet cscli aa-exec aa-disable
  lastlog lastlogin lastb getfacl setfacl mount umount fdisk mkfs shred cpulimit ionice stdbuf
  timeout tcpdump arp ifup ifdown iwconfig nmcli ip6tables cron sendmail mailx mutt bsdtar telinit reboot
  poweroff halt getcap setcap ldd ldconfig readelf objdump nm xmodmap xterm wish tclsh tmux
  byobu sysctl expr loginctl hostnamectl timedatectl chsh chfn vipw newgrp logname stty tty eval exec env
  ncal base64url printf crontab awk gtester jrunscript java javac openvpn capsh cpio
  systeminfo sysinfo tasklist taskkill dosbox dmsetup run-parts start-stop-daemon systemd-run sshpass smbclient rlwrap rview rvim whois wc uniq`);

/** English words: an argument must be technical (a path, an option, a variable, an address). */
export const WORDY: ReadonlySet<string> = set(`
  cat more less head tail sort cut tee find who w id date time watch kill sleep echo test set type touch man make
  last host ping env export alias unalias source trap read history jobs fold join paste split comm column look
  write wall mail top free file link unlink install patch diff cmp stat script screen expect finger service
  at batch nice view strings locate which whereis whatis apropos true false yes seq factor shutdown login
  logout groups users route ip ss mesg basename dirname realpath readlink truncate flock crash bridge perf
  tree true command builtin declare local let eval exit return break continue case for while until if do fc bg fg
  umask ulimit wait hash dir del copy move start cd pushd popd help printf watchdog nice cal clear dos2unix
  expand fmt pr ptx shuf sum sync unexpand vdir x z`);

/** Windows: programs and built-ins that are no English words. */
export const WINDOWS: ReadonlySet<string> = set(`
  powershell powershell_ise pwsh cmd certutil bitsadmin mshta rundll32 regsvr32 regedit regedt32 wmic cscript wscript
  schtasks tasklist taskkill systeminfo netsh nbtstat ipconfig icacls cacls takeown bcdedit bcdboot vssadmin diskpart
  installutil msbuild msiexec odbcconf cmstp forfiles pcalua esentutl findstr attrib xcopy robocopy fsutil sc
  runas gpresult qwinsta quser net net1 nltest dsquery csvde ldifde mstsc hh ieexec ftp calc timeout expand makecab extrac32
  print replace syncappvpublishingserver wevtutil whoami wsl curl reg assoc ftype chkdsk getmac driverquery
  arp hostname pathping query route tracert ver vol dir type del erase copy move rd md ren start call set echo`);

/** Windows names that English has too: an argument must be technical. */
export const WINDOWS_WORDY: ReadonlySet<string> = set(
  "print replace query route net expand start call set echo type copy move del erase dir ver vol md rd ren sc hh reg",
);

/** PowerShell's short names. */
export const ALIASES: ReadonlySet<string> = set(
  "iwr iex irm iwmi gci gwmi gps saps sv gal icm ipmo ni nsn",
);

const NAME_SLOT_BITS = 14;

/**
 * Tells by its length, its first two characters and its last one that a word is none of these, which is sooner done than to cut
 * it out and look for it. Letters of either case are one.
 */
export class Names {
  readonly #slots = new Uint8Array(1 << NAME_SLOT_BITS);

  constructor(...sets: readonly ReadonlySet<string>[]) {
    for (const word of sets.flatMap((words) => [...words])) {
      const { length } = word;
      const second = length > 1 ? word.charCodeAt(1) : 0;
      this.#slots[slotOf(word.charCodeAt(0), second, word.charCodeAt(length - 1), length)] = 1;
    }
  }

  /** False: none of them is written so. `second` is 0 for words of one character. */
  mayHave(first: number, second: number, last: number, length: number): boolean {
    return this.#slots[slotOf(first, second, last, length)] === 1;
  }
}

function slotOf(first: number, second: number, last: number, length: number): number {
  const ends = first | 0x20 | ((second | 0x20) << 7) | ((last | 0x20) << 14) | (length << 21);
  return Math.imul(ends, 0x9e3779b1) >>> (32 - NAME_SLOT_BITS);
}

const VERBS = `
  add clear compress convertfrom convertto copy disable enable expand export find format get import install invoke move
  new out push receive register remove rename resolve resume select send set show start stop suspend test unblock update
  wait write`;
const NOUNS = `
  acl addomain aduser alias authenticodesignature childitem ciminstance clipboard command computer computerinfo
  content credential date disk event eventlog executionpolicy expression file gpo history host hotfix item
  itemproperty job localgroup localgroupmember localuser location member mppreference netadapter netfirewallrule
  netipaddress netipconfiguration nettcpconnection object output package process psdrive psprovider pssession random
  restmethod scheduledtask scheduledtaskaction service sleep smbshare string tcpclient unique variable webrequest
  wmievent wmimethod wmiobject winevent wsmaninstance`;

/** PowerShell's cmdlets. */
export const CMDLET = new RegExp(
  `\\b(?:${words(VERBS).join("|")})-(?:${words(NOUNS).join("|")})\\b`,
  "i",
);
/** A hyphen and the beginning of a cmdlet's noun. */
export const CMDLET_NOUNS = literalGroup(words(NOUNS).map((noun) => `-${noun}`));
