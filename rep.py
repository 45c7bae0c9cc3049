import sys,re
# usage: rep.py edits.txt ; format: @@ file / <<< / old / === / new / >>>
root='/tmp/w/r2/'
text=open(sys.argv[1]).read()
cur=None; bad=0
for block in re.finditer(r'^@@ (\S+)$|^<<<\n(.*?)\n===\n(.*?)\n?>>>$', text, re.M|re.S):
    if block.group(1): cur=block.group(1); continue
    old,new=block.group(2),block.group(3)
    s=open(root+cur).read()
    n=s.count(old)
    if n!=1:
        print('MISS' if n==0 else f'AMBIG {n}',cur,repr(old[:90])); bad+=1; continue
    open(root+cur,'w').write(s.replace(old,new))
print('bad',bad)
