"""Command lines for the read table: what must be refused and what must be allowed. One per line; words as `shlex` splits."""

import shlex

HOSTILE = r"""
rm -rf /
reboot
sh -c ls
/bin/bash -c id
python3 -c pass
env ls
env -i PATH=/tmp ls
xargs ls
sudo systemctl status nginx
nohup ls
timeout 5 ls
nice -n 5 ls
setsid ls
busybox rm x
awk BEGIN{system("id")}
sed -i s/a/b/ /etc/hosts
sed -n 1w/tmp/x /etc/hosts
tee /etc/hosts
dd if=/dev/zero of=/dev/sda
less /etc/hosts
vi /etc/hosts
curl http://127.0.0.1
wget -O /tmp/x http://127.0.0.1
nc -l 80
ssh host uptime
/tmp/ls
./ls
../../bin/ls
/usr/bin/../../tmp/ls
/usr/local/bin/sub/ls
LS
ls; id
ls && id
ls | sh
ls > /tmp/x
ls 2>/tmp/x
ls &
ls $(id)
ls `id`
ls ${HOME}
systemctl stop nginx
systemctl restart nginx
systemctl daemon-reload
systemctl kill nginx
systemctl edit nginx
systemctl set-environment A=b
systemctl set-default rescue.target
systemctl isolate rescue.target
systemctl poweroff
systemctl status -H root@db nginx
systemctl --host=db status nginx
systemctl --host db status
systemctl -M box status
systemctl --machine=box show nginx
systemctl --root=/tmp/x list-units
systemctl --runtime enable nginx
systemctl status --now nginx
systemctl -- stop nginx
systemctl --ho=db status
journalctl --vacuum-size=1M
journalctl --vacuum-time=1s
journalctl --vacuum-files=1
journalctl --vacu=1M
journalctl --rotate
journalctl --rot
journalctl --flush
journalctl --sync
journalctl --relinquish-var
journalctl --setup-keys
journalctl --update-catalog
journalctl -u nginx -f
journalctl -fu nginx
journalctl -u nginx --follow
journalctl --cursor-file=/etc/passwd
journalctl -u --rotate
journalctl --unit --rotate
journalctl --root=/tmp/x
journalctl -D /tmp/x
journalctl nonsense
ss -K dst 10.0.0.1
ss -tK
ss --kill dst 10.0.0.1
ss --ki dst 10.0.0.1
ss -D /tmp/x
ss -tD/tmp/x
ss -E
ss -F /tmp/x
find / -delete
find / -name x -delete
find / -exec rm {} +
find / -execdir rm {} +
find / -ok rm {} +
find / -okdir rm {} +
find / -fprint /tmp/x
find / -fprint0 /tmp/x
find / -fprintf /tmp/x %p
find / -fls /tmp/x
find / -files0-from /tmp/x
find / -name -delete
find -- / -delete
find
tail -f /var/log/syslog
tail -F /var/log/syslog
tail -n5f /var/log/syslog
tail --follow=name /var/log/syslog
tail --fol /var/log/syslog
cat
cat -
grep -f /etc/shadow /etc/passwd
journalctl --file=/var/log/journal/*/system.journal
journalctl --file=/srv/copies/[a-z].journal
grep --file=/etc/shadow x /etc/passwd
grep x
grep -R x /srv
grep --dereference-recursive x /srv
grep -r
ls --hyperlink=always --zzz
sort -o /etc/passwd /etc/passwd
date -s 2020-01-01
date --set=2020-01-01
date --se=2020-01-01
date 010100002020
date -us 2020-01-01
hostname evil
hostname -F /tmp/x
hostname -b evil
mount /dev/sdb1 /mnt
mount -a
mount -o remount,rw /
mount -l -o remount,rw /
mount --bind /a /b
umount /mnt
sysctl -w vm.swappiness=1
sysctl vm.swappiness=1
sysctl -p
sysctl --system
sysctl -p/tmp/x
sysctl --load=/tmp/x
dmesg -C
dmesg -c
dmesg --clear
dmesg --cle
dmesg -Tc
dmesg -D
dmesg -E
dmesg -n 1
dmesg -n1
dmesg -w
dmesg --follow
ps auxe
ps eww
ps axe
ps -auxe
ps -eo pid,environ
ps e
ps -e -u nobody
ps -o
top
top -b
top -n 1
free -s 1
vmstat -n --xx
ip link set eth0 down
ip addr add 10.0.0.1/8 dev lo
ip -batch /tmp/x
ip -b /tmp/x
ip -force -batch /tmp/x
ip netns exec box sh
ip netns add box
ip -n box link show
ip -netns box addr
ip monitor
ip route flush table main
ip neigh flush all
ip route del default
ip xfrm state
ip
tc qdisc del dev eth0 root
ping 127.0.0.1
ping -f -c 5 127.0.0.1
ping -c 100000 127.0.0.1
ping -c0 127.0.0.1
ping -c 5 -i 0 127.0.0.1
ping -c 3 -s 65000 127.0.0.1
ping -c 3 --flood 127.0.0.1
dig -f /etc/passwd
dig -k /etc/key example.com
dig @10.0.0.1 example.com AXFR
dig example.com ixfr=1
host -l example.com 10.0.0.1
nslookup
getent shadow
getent gshadow root
arp -d 10.0.0.1
route add default gw 10.0.0.1
ifconfig eth0 down
conntrack -D
conntrack -L -D
nft flush ruleset
nft -f /tmp/x
lsof -r
lsof +r 1
lsof -Di
lsof -D b/tmp/x
openssl s_client -connect 127.0.0.1:443
openssl x509 -in /etc/ssl/key.pem -out /tmp/x -noout
openssl x509 -in /etc/ssl/cert.pem
openssl x509 -noout
openssl rsa -in /etc/ssl/key.pem
openssl x509 -in /c.pem -noout -engine evil
nginx -t
nginx -T
nginx -tq
nginx -s reload
nginx
nginx -v -c /tmp/x
nginx -v -g daemon
gunicorn shop:app
psql -c DROP
dpkg -i x.deb
dpkg -r x
dpkg -P x
dpkg --configure -a
dpkg -l -i x.deb
dpkg --root=/tmp -l
dpkg --admindir=/tmp -l
dpkg
rpm -e x
rpm -ivh x.rpm
rpm -Uvh x.rpm
rpm -qa --define=x
rpm --eval %(id)
rpm -q --rebuilddb
rpm -q --pipe=id
apt-get install x
apt-cache gencaches
apt-cache -o APT::x=y policy
apt list
pip install x
pip --python /tmp/x list
pip download x
pip list --outdated --index-url http://x
pip config set a b
docker rm -f x
docker run alpine
docker exec x sh
docker logs -f x
docker logs --follow x
docker logs --follow=true x
docker logs -fn 5 x
docker stats
docker stats --no-stream=false
docker events
docker events --since 1h
docker system prune
docker volume rm x
docker network create x
docker context use x
docker -H tcp://10.0.0.1 ps
docker --host=ssh://root@db ps
docker --config /tmp/x ps
docker cp x:/etc/passwd -
docker export x
docker swarm join-token worker
docker config inspect x
docker top x e
docker image prune
docker compose up
docker compose -f docker-compose.yml -f https://x config
docker compose -f /x.yml config
docker compose config -o /tmp/x --quiet
docker compose logs -f
docker plugin install x
docker buildx build .
docker nonsense
kubectl delete pod x
kubectl apply -f x
kubectl exec x -- id
kubectl edit deploy x
kubectl scale deploy x --replicas=0
kubectl cp x:/a /b
kubectl port-forward x 80
kubectl proxy
kubectl diff -f x
kubectl get secret x -o yaml
kubectl get secrets -oyaml
kubectl get secrets -A -o json
kubectl get secret x --output=json
kubectl get secret/x -o jsonpath={.data}
kubectl get pods,secrets -o yaml
kubectl get pods/x secret/y -o yaml
kubectl get SECRET x -o yaml
kubectl get secrets.v1. -o yaml
kubectl get secret x -o go-template={{.data}}
kubectl get secret x -o custom-columns=D:.data
kubectl get secret x --template={{.data}}
kubectl get secret x -ojson
kubectl get secret -L password
kubectl get --raw /api/v1/secrets
kubectl get --raw=/api/v1/secrets
kubectl get -f http://10.0.0.1/x.yaml
kubectl get -f/tmp/x
kubectl get --filename=/tmp/x
kubectl get -k /tmp/x
kubectl get pods -w
kubectl get pods --watch
kubectl get pods --watch=true
kubectl get pods -Aw
kubectl get pods -o jsonpath-file=/tmp/x
kubectl get pods -o go-template-file=/tmp/x
kubectl --kubeconfig /tmp/x get pods
kubectl get pods --kubeconfig=/tmp/x
kubectl get pods --server=https://10.0.0.1
kubectl get pods -s https://10.0.0.1
kubectl get pods --token=x
kubectl get pods --as=root
kubectl get pods --insecure-skip-tls-verify
kubectl get pods --cache-dir=/etc
kubectl logs x -f
kubectl logs --follow x
kubectl logs -fc app x
kubectl config view --raw
kubectl config view --raw=true
kubectl config view --flatten
kubectl config use-context prod
kubectl config set-context x
kubectl cluster-info dump
kubectl cluster-info dump --output-directory=/tmp/x
kubectl rollout restart deploy/x
kubectl rollout undo deploy/x
kubectl rollout status deploy/x
kubectl rollout status deploy/x --watch=true
kubectl wait pod/x --for=condition=Ready
kubectl events --watch
kubectl kustomize /tmp/x
kubectl auth reconcile -f /tmp/x
kubectl certificate approve x
kubectl --profile=cpu --profile-output=/etc/x get pods
kubectl -n delete get
kubectl get secret x -v=9
kubectl get secret x --v=8
kubectl get pods -wfalse
kubectl logs x -ffalse
docker logs -ffalse x
docker manifest inspect 10.0.0.1/x
podman ps
npm ls
blkid
vmstat 1
iostat -x 1
helm status x --debug
git -C /x log --format=%G?
git -C /x log --pretty=format:%GK
git -C /x log --pretty=signed
git -C /x for-each-ref --format=%(signature)
git -C /x branch --format=%(signature:grade)
git -C /x log --show-signature
rpm -qp http://10.0.0.1/x.rpm
kubectl evil
kubectl
helm install x y
helm rollback x 1
helm get values x
helm get manifest x
helm get all x
helm get hooks x
helm status x -o yaml
helm template x
helm show values /tmp/x
helm repo add x http://y
helm list --kubeconfig=/tmp/x
helm history x --post-renderer=/tmp/x
git push
git -c core.fsmonitor=evil status
git --exec-path=/tmp status
git --config-env=a=b status
git -p log
git log --output=/tmp/x
git log -p
git log --stat
git log -p --no-ext-diff
git show HEAD
git diff
git diff --ext-diff --no-ext-diff --no-textconv
git show --textconv --no-textconv --no-ext-diff HEAD
git diff --no-ext-diff --no-textconv --output /tmp/x
git log --outp=/tmp/x
git -C relative status
git branch evil
git branch -D main
git tag evil
git tag -d v1
git remote add x y
git remote update
git reflog expire --all
git config user.name x
git fetch
git ls-remote --upload-pack=/tmp/x
git cat-file --textconv HEAD:x
git cat-file --filters HEAD:x
git grep -O/tmp/x x
git bisect run x
git status --evil
hostnamectl set-hostname evil
hostnamectl hostname evil
timedatectl set-time 2020-01-01
loginctl terminate-user x
systemd-analyze set-log-level debug
crontab -r
kill 1
iptables -F
apachectl restart
lastlog --clear -u root
lastlog -C -u root
prlimit --pid=1 --nofile=10
swapon -a
swapoff -a
"""

READS = r"""
systemctl status nginx
systemctl status nginx.service --no-pager -l
systemctl show nginx --property=ActiveState,SubState
systemctl show -p MainPID --value nginx.service
systemctl list-units --failed --no-legend
systemctl --failed
systemctl list-timers --all
systemctl is-active nginx
systemctl is-failed nginx
systemctl is-enabled nginx
systemctl cat nginx
systemctl get-default
systemctl list-unit-files --type=service
systemctl status getty@tty1.service
journalctl -u nginx --since=-1h --no-pager
journalctl -u nginx -n 50 -o short-iso
journalctl -u nginx -n50 -p err
journalctl -b -k
journalctl --directory=/mnt/host/var/log/journal -u shop
journalctl --file=/srv/copies/system.journal -o json
journalctl _PID=1
journalctl --disk-usage
journalctl --list-boots
journalctl --since "2026-11-20 10:00:00" --until "2026-11-20 11:00:00" -g "error|warn"
ss -tlnp
ss -s
ss -tan state established
netstat -tulpn
find /var/log -name *.log -mmin -60 -type f
find /etc -maxdepth 2 -newermt 2026-11-20
find / -xdev -size +100M -printf "%s %p\n"
ps aux
ps auxww
ps -ef
ps -eo pid,ppid,user,%cpu,%mem,args --sort=-%cpu
ps -o pid,cmd -p 1,2
ps axo pid,comm
ps -p 1
ps -u nobody
df -h
df -P -T /
df -i
du -sh /var/log
du -x --max-depth=1 /var
ls -la /etc/nginx
ls -lt --time-style=full-iso /var/log
stat /etc/hosts
stat -c %y /etc/hosts
cat /etc/os-release
head -n 20 /etc/passwd
tail -n 100 /var/log/syslog
tail -n +5 /var/log/syslog
wc -l /etc/passwd
grep -n -i error /var/log/syslog
grep -rn --include=*.conf "listen|server_name" /etc/nginx
grep -E "a|b" /etc/hosts
grep -A3 -e upstream /etc/nginx/nginx.conf
free -m
free -h
uptime
uname -a
hostname
hostname -f
id
id root
whoami
who
w
last -n 10
lsof -i :80 -P -n
lsof -p 1
lsof +L1
ip addr
ip -br addr show
ip -4 route
ip route get 127.0.0.1
ip -s link show dev lo
ip neigh show
ip -j addr
ip rule
ip netns list
ping -c 3 127.0.0.1
ping -c3 -W 2 localhost
dig example.com
dig +short example.com A
dig @1.1.1.1 example.com MX +time=2
nslookup example.com
host -t A example.com
getent hosts localhost
getent passwd root
date
date +%s
date -u "+%Y-%m-%d %H:%M:%S"
date -d "1 hour ago" +%s
mount
mount -l
findmnt -J
lsblk -f
lsblk -J -o NAME,SIZE,MOUNTPOINT
sysctl -a
sysctl vm.swappiness net.core.somaxconn
dmesg -T
dmesg -T --level=err,warn
dpkg -l
dpkg -l nginx
dpkg -L nginx
dpkg -s nginx
dpkg -S /usr/sbin/nginx
dpkg --verify nginx
dpkg-query -W -f=${Package} nginx
rpm -qa
rpm -qi nginx
rpm -qf /usr/bin/ls
rpm -V nginx
apt-cache policy nginx
apt-cache madison nginx
pip list
pip list --format=json
pip show requests
pip freeze
docker ps
docker ps -a --format "{{.Names}} {{.Status}}"
docker images
docker inspect shop
docker inspect --format "{{json .State}}" shop
docker logs --tail 100 shop
docker logs --since 10m --timestamps shop
docker stats --no-stream
docker version
docker info
docker top shop
docker port shop
docker diff shop
docker events --since 1h --until 0m
docker context ls
docker network ls
docker network inspect bridge
docker volume ls -q
docker volume inspect data
docker system df -v
docker container ls -a
docker image ls
docker compose ps
docker compose -p shop logs --tail 50 web
docker compose -f /srv/shop/compose.yml ps -a
docker compose -f /srv/shop/compose.yml config --services
kubectl get pods
kubectl get pods -n shop -o wide
kubectl get pods -A -o json
kubectl get pod shop-1 -o jsonpath={.status.phase}
kubectl get deploy,svc,ing -n shop -l app=shop
kubectl get secrets -n shop
kubectl get secret shop -o name
kubectl get nodes --no-headers
kubectl get events --sort-by=.lastTimestamp
kubectl describe pod shop-1
kubectl describe secret shop
kubectl logs shop-1 --tail=100
kubectl logs shop-1 -c app --previous --since=1h
kubectl logs deploy/shop --all-containers
kubectl logs -l app=shop --prefix
kubectl top pods -A
kubectl top node
kubectl version
kubectl cluster-info
kubectl api-resources
kubectl api-versions
kubectl explain pod.spec
kubectl events -n shop --types=Warning
kubectl auth can-i list pods
kubectl config view
kubectl config view --minify
kubectl config get-contexts
kubectl config current-context
kubectl rollout status deploy/shop --watch=false
kubectl rollout status deploy/shop --timeout=5s
kubectl rollout history deploy/shop
kubectl get pods --context prod
kubectl --context=prod -n shop get pods
helm list -A
helm status shop
helm history shop --max 5
helm get notes shop
helm version
git -C /srv/shop log --oneline -n 5
git -C /srv/shop log --since=2026-11-20 --format=%H
git -C /srv/shop log -p --no-ext-diff --no-textconv -n 1
git -C /srv/shop show --no-ext-diff --no-textconv HEAD
git -C /srv/shop show --stat --no-ext-diff --no-textconv HEAD~1
git -C /srv/shop diff --no-ext-diff --no-textconv HEAD~1 HEAD -- app.py
git -C /srv/shop status --porcelain
git -C /srv/shop rev-parse HEAD
git -C /srv/shop rev-parse --show-toplevel
git -C /srv/shop branch --show-current
git -C /srv/shop reflog show HEAD
git --version
nginx -v
nginx -V
openssl version
openssl x509 -in /etc/ssl/cert.pem -noout -dates -subject
top -b -n 1
vmstat 1 2
iostat -x 1 2
nproc
lscpu
/usr/bin/ls -l
/bin/cat /etc/hosts
timedatectl show
resolvectl status
pgrep -af gunicorn
pstree -p
readlink -f /usr/bin/python3
md5sum /etc/hosts
"""


def lines(text: str) -> list[tuple[str, ...]]:
    """Each non-empty line as words."""
    return [tuple(shlex.split(line)) for line in text.splitlines() if line.strip()]
