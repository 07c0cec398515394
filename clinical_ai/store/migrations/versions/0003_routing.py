"""routing

Revision ID: 0003
Revises: 0002
"""
import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'routing_decision',
        sa.Column('study_uid', sa.String(length=64), nullable=False),
        sa.Column('content_version', sa.String(length=16), nullable=False),
        sa.Column('rule', sa.Text(), nullable=True),
        sa.Column('rules_digest', sa.String(length=16), nullable=True),
        sa.Column('body', sa.Text(), nullable=False),
        sa.Column('decided_at', sa.Double(), nullable=False),
        sa.Column('released_at', sa.Double(), nullable=True),
        sa.Column('released_by', sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint('study_uid', 'content_version', name=op.f('pk_routing_decision')),
    )
    with op.batch_alter_table('instance', schema=None) as batch_op:
        batch_op.add_column(
            sa.Column('called_ae_title', sa.Text(), server_default='', nullable=False)
        )
    with op.batch_alter_table('study_read', schema=None) as batch_op:
        batch_op.add_column(
            sa.Column('priority', sa.Integer(), server_default='3', nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table('study_read', schema=None) as batch_op:
        batch_op.drop_column('priority')
    with op.batch_alter_table('instance', schema=None) as batch_op:
        batch_op.drop_column('called_ae_title')
    op.drop_table('routing_decision')
